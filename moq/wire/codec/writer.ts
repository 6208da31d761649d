import type { VarintCodec } from "./varint.ts";

const encoder = new TextEncoder();

/** Builds one message. A value that cannot be written is a mistake of the caller and throws a RangeError. */
export class Writer {
  readonly #varints: VarintCodec;
  #bytes = new Uint8Array(64);
  #length = 0;

  constructor(varints: VarintCodec) {
    this.#varints = varints;
  }

  /** An integer from 0. A larger one than 2^53-1 is written as 2^53-1. */
  varint(value: number): this {
    if (!(value >= 0)) throw new RangeError(`${value} is not a varint`);
    this.#room(this.#varints.longest);
    this.#length = this.#varints.write(this.#bytes, this.#length, Math.min(value, Number.MAX_SAFE_INTEGER));
    return this;
  }

  /** An integer from 0 to the codec's largest. */
  varintBig(value: bigint): this {
    const { max, longest } = this.#varints;
    if (value < 0n || value > max) throw new RangeError(`${value} is not a varint`);
    this.#room(longest);
    this.#length = this.#varints.writeBig(this.#bytes, this.#length, value);
    return this;
  }

  u8(value: number): this {
    if (!(value >= 0 && value <= 255)) throw new RangeError(`${value} is not a byte`);
    this.#room(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  string(value: string): this {
    const bytes = encoder.encode(value);
    return this.varint(bytes.length).raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** A copy of everything written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** A copy of everything written, with `prefix` and then its length before it. */
  message(prefix?: Uint8Array): Uint8Array {
    const before = prefix?.length ?? 0;
    const out = new Uint8Array(before + this.#varints.length(this.#length) + this.#length);
    if (prefix !== undefined) out.set(prefix);
    out.set(this.#bytes.subarray(0, this.#length), this.#varints.write(out, before, this.#length));
    return out;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
