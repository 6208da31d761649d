import { ProtocolViolation, READ, type VarintCodec } from "../codec/index.ts";

/** Memory of a cut header above this many bytes is given back when the header is complete. */
const SMALL = 256;

/**
 * Reads headers from pieces of any size. `begin` at a header, then read its fields in order; a field that is not complete yet is
 * {@link CUT}. Then `more` says whether to read all fields again, from the first one on. After the last field, `end`.
 *
 *     header.begin(bytes, at);
 *     while (!fields(header)) if (!header.more()) return bytes.length;
 *     at = header.end();
 *
 * Bytes are copied only of a header that is cut, and of it only those that are known to belong to it.
 */
export class CutHeader {
  readonly #varints: VarintCodec;
  readonly #clause: string;
  /** The bytes so far of a cut header. */
  #memory: Uint8Array = READ;
  #kept = 0;
  /** The pushed bytes, and how many of them are read or held. */
  #source: Uint8Array = READ;
  #taken = 0;
  /** Where fields are read: the pushed bytes, or those that are held. */
  #bytes: Uint8Array = READ;
  #start = 0;
  #at = 0;
  #end = 0;
  /** Bytes that the incomplete field needs beyond those that are here. */
  #short = 0;

  constructor(varints: VarintCodec, clause: string) {
    this.#varints = varints;
    this.#clause = clause;
  }

  /** Bytes of an incomplete header that are held. */
  get held(): number {
    return this.#kept;
  }

  /** Bytes of the fields that have been read. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** The bytes in which the fields are. They change with `more`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  begin(bytes: Uint8Array, at: number): void {
    this.#source = bytes;
    this.#taken = at;
    if (this.#kept === 0) {
      this.#bytes = bytes;
      this.#start = at;
      this.#at = at;
      this.#end = bytes.length;
    } else {
      this.#bytes = this.#memory;
      this.#start = 0;
      this.#at = 0;
      this.#end = this.#kept;
    }
  }

  /** A number up to 2^53-1; a larger one is a violation. */
  varint(): number {
    const at = this.#at;
    if (at >= this.#end) return this.#cut(1);
    const size = this.#varints.size(this.#bytes[at] as number);
    if (at + size > this.#end) return this.#cut(at + size - this.#end);
    this.#at = at + size;
    const value = this.#varints.read(this.#bytes, at);
    if (value > Number.MAX_SAFE_INTEGER) throw this.violation("number over 2^53-1");
    return value;
  }

  /** Like {@link varint}, and the next field is this one again. */
  peekVarint(): number {
    const at = this.#at;
    const value = this.varint();
    this.#at = at;
    return value;
  }

  u8(): number {
    if (this.#at >= this.#end) return this.#cut(1);
    return this.#bytes[this.#at++] as number;
  }

  /** The position of so many bytes in {@link bytes}. */
  skip(length: number): number {
    const at = this.#at;
    if (at + length > this.#end) return this.#cut(at + length - this.#end);
    this.#at = at + length;
    return at;
  }

  /** Holds what is here of the incomplete header. False when all pushed bytes are held and more are needed. */
  more(): boolean {
    const left = this.#source.length - this.#taken;
    const fresh = this.#kept === 0;
    const take = fresh ? left : Math.min(this.#short, left);
    this.#hold(this.#source.subarray(this.#taken, this.#taken + take), fresh ? left + this.#short : this.#short);
    this.#taken += take;
    if (fresh || take < this.#short) {
      this.#forget();
      return false;
    }
    this.#bytes = this.#memory;
    this.#start = 0;
    this.#at = 0;
    this.#end = this.#kept;
    return true;
  }

  /** A copy of the bytes that were held and are not part of the header, because they were only peeked. */
  peeked(): Uint8Array {
    return this.#kept === 0 ? READ : this.#memory.slice(this.#at, this.#kept);
  }

  /** The header is complete. Returns the position after it in the pushed bytes. */
  end(): number {
    const after = this.#kept === 0 ? this.#at : this.#taken;
    this.#kept = 0;
    if (this.#memory.length > SMALL) this.#memory = READ;
    this.#forget();
    return after;
  }

  violation(what: string): ProtocolViolation {
    return new ProtocolViolation(this.#clause, what);
  }

  #cut(short: number): typeof CUT {
    this.#short = short;
    return CUT;
  }

  /** Adds bytes to those that are held. `wanted` bytes will come, but memory is only taken for what a peer has sent. */
  #hold(bytes: Uint8Array, wanted: number): void {
    const needed = this.#kept + bytes.length;
    if (this.#memory.length < needed) {
      const larger = new Uint8Array(Math.min(2 * needed, this.#kept + wanted));
      larger.set(this.#memory.subarray(0, this.#kept));
      this.#memory = larger;
    }
    this.#memory.set(bytes, this.#kept);
    this.#kept = needed;
  }

  /** Pushed bytes are borrowed. */
  #forget(): void {
    this.#source = READ;
    this.#bytes = READ;
  }
}

/** In place of a field that is not complete yet. */
export const CUT = -1;
