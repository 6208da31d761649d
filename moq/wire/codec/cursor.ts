import { BoundExceeded, ProtocolViolation, type WireBound } from "./errors.ts";
import type { VarintCodec } from "./varint.ts";

/** A byte order mark is kept: paths and names are equal only byte by byte. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads one complete message. Anything in it that is not as expected is a violation of `clause`. */
export class Cursor {
  readonly #varints: VarintCodec;
  readonly #bytes: Uint8Array;
  readonly #clause: string;
  #at = 0;

  constructor(varints: VarintCodec, bytes: Uint8Array, clause: string) {
    this.#varints = varints;
    this.#bytes = bytes;
    this.#clause = clause;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** A value up to 2^53-1; a larger one is a violation. */
  varint(): number {
    const value = this.saturating();
    if (value > Number.MAX_SAFE_INTEGER) throw this.violation("number over 2^53-1");
    return value;
  }

  /** A value above 2^53-1 is read as 2^53. */
  saturating(): number {
    const value = this.#varints.read(this.#bytes, this.#take());
    return value > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER + 1 : value;
  }

  /** Any value that the codec can write, exactly. */
  varintBig(): bigint {
    return this.#varints.readBig(this.#bytes, this.#take());
  }

  u8(): number {
    if (this.left < 1) throw this.violation("ends too early");
    return this.#bytes[this.#at++] as number;
  }

  bool(): boolean {
    const value = this.u8();
    if (value > 1) throw this.violation("flag is neither 0 nor 1");
    return value === 1;
  }

  /** A flag that is a varint. */
  flag(): boolean {
    const value = this.varint();
    if (value > 1) throw this.violation("flag is neither 0 nor 1");
    return value === 1;
  }

  /** A length, then as many bytes of UTF-8. More than `limit` bytes are a violation, or a `BoundExceeded` where `bound` is given. */
  string(limit: number, bound?: WireBound): string {
    const bytes = this.raw(this.varint());
    if (bytes.length > limit) {
      const what = `string of ${bytes.length} bytes, at most ${limit}`;
      throw bound === undefined ? this.violation(what) : new BoundExceeded(bound, `${this.#clause}: ${what}`);
    }
    return this.#utf8(bytes);
  }

  /** A view of the message, not a copy. */
  raw(length: number): Uint8Array {
    if (length > this.left) throw this.violation("ends too early");
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  rest(): Uint8Array {
    return this.raw(this.left);
  }

  /** The rest of the message as UTF-8. */
  text(limit: number): string {
    if (this.left > limit) throw this.violation(`string of ${this.left} bytes, at most ${limit}`);
    return this.#utf8(this.rest());
  }

  /** The message ends here; more bytes are a violation. */
  end(): void {
    if (this.left > 0) throw this.violation(`${this.left} unexpected bytes at the end`);
  }

  violation(what: string): ProtocolViolation {
    return new ProtocolViolation(this.#clause, what);
  }

  #utf8(bytes: Uint8Array): string {
    try {
      return decoder.decode(bytes);
    } catch {
      throw this.violation("not UTF-8");
    }
  }

  #take(): number {
    const at = this.#at;
    const first = this.#bytes[at];
    const size = first === undefined ? Number.POSITIVE_INFINITY : this.#varints.size(first);
    if (this.left < size) throw this.violation("ends too early");
    this.#at += size;
    return at;
  }
}
