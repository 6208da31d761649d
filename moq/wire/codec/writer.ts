import { putVarint, varintLength } from "./varint.ts";

const encoder = new TextEncoder();

const MAX_BIG = 2n ** 62n - 1n;

/** Builds one message. What cannot be written is a mistake of the caller: a RangeError. */
export class Writer {
  #bytes = new Uint8Array(64);
  #length = 0;

  /** An integer from 0; more than 2^53-1 is written as that. */
  varint(value: number): this {
    if (!(value >= 0)) throw new RangeError(`${value} is no varint`);
    this.#room(8);
    this.#length = putVarint(this.#bytes, this.#length, Math.min(value, Number.MAX_SAFE_INTEGER));
    return this;
  }

  /** 0 to 2^62-1. */
  varintBig(value: bigint): this {
    if (value > MAX_BIG) throw new RangeError(`${value} is no varint`);
    if (value < 0x4000_0000n) return this.varint(Number(value));
    this.#room(8);
    new DataView(this.#bytes.buffer).setBigUint64(this.#length, value | 0xc000_0000_0000_0000n);
    this.#length += 8;
    return this;
  }

  u8(value: number): this {
    if (!(value >= 0 && value <= 255)) throw new RangeError(`${value} is no byte`);
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

  /** What was written, to keep. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** What was written, after `prefix` and its length. */
  message(prefix?: Uint8Array): Uint8Array {
    const before = prefix?.length ?? 0;
    const out = new Uint8Array(before + varintLength(this.#length) + this.#length);
    if (prefix !== undefined) out.set(prefix);
    out.set(this.#bytes.subarray(0, this.#length), putVarint(out, before, this.#length));
    return out;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
