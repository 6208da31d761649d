import { type TransportCode, Violation } from "./violation.ts";

const TWO_BYTES = 1 << 14;
const FOUR_BYTES = 2 ** 30;
const WORD = 2 ** 32;
/** Removes the two bits of length from the first of eight bytes. */
const EIGHT_BYTE_MASK = 0x3fffffff;

/** Bytes of `value`, an integer from 0 to 2^53-1, as a variable-length integer (RFC 9000 section 16). */
export function varintSize(value: number): number {
  if (value < 64) return 1;
  if (value < TWO_BYTES) return 2;
  return value < FOUR_BYTES ? 4 : 8;
}

/** Writes `value`, an integer from 0 to 2^53-1, at `at`; returns where it ends. */
export function putVarint(target: Uint8Array, at: number, value: number): number {
  if (value < 64) {
    target[at] = value;
    return at + 1;
  }
  if (value < TWO_BYTES) {
    target[at] = 0x40 | (value >> 8);
    target[at + 1] = value & 0xff;
    return at + 2;
  }
  if (value < FOUR_BYTES) return putWord(target, at, value + 2 * FOUR_BYTES);
  return putWord(target, putWord(target, at, Math.floor(value / WORD) + 3 * FOUR_BYTES), value % WORD);
}

/** Writes any value up to 2^62-1 in eight bytes. */
export function putLongVarint(target: Uint8Array, at: number, value: bigint): number {
  const high = Number(value >> 32n) + 3 * FOUR_BYTES;
  return putWord(target, putWord(target, at, high), Number(value & 0xffffffffn));
}

function putWord(target: Uint8Array, at: number, word: number): number {
  target[at] = word >>> 24;
  target[at + 1] = (word >>> 16) & 0xff;
  target[at + 2] = (word >>> 8) & 0xff;
  target[at + 3] = word & 0xff;
  return at + 4;
}

/** Reads fields from bytes in order. A read beyond the end throws a {@link Violation}. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #code: TransportCode;
  readonly #clause: string;
  #at = 0;

  /** `code` and `clause`: of the violation when the bytes end too early. */
  constructor(bytes: Uint8Array, code: TransportCode, clause: string) {
    this.#bytes = bytes;
    this.#code = code;
    this.#clause = clause;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next byte, without moving on. */
  peek(): number {
    return this.#bytes[this.#need(1)] ?? 0;
  }

  /** Rounds values above 2^53; no meaningful value is that large. */
  varint(): number {
    const at = this.#need(1);
    const first = this.#bytes[at] ?? 0;
    const size = 1 << (first >> 6);
    this.#need(size);
    this.#at += size;
    if (size === 1) return first;
    if (size === 2) return ((first & 0x3f) << 8) | (this.#bytes[at + 1] ?? 0);
    const word = this.#word(at) & EIGHT_BYTE_MASK;
    return size === 4 ? word : word * WORD + this.#word(at + 4);
  }

  /** As {@link varint}, exact for all values. */
  bigVarint(): bigint {
    const at = this.#at;
    const value = this.varint();
    if (Number.isSafeInteger(value)) return BigInt(value);
    return (BigInt(this.#word(at) & EIGHT_BYTE_MASK) << 32n) | BigInt(this.#word(at + 4));
  }

  /** The next `length` bytes, not copied. */
  take(length: number): Uint8Array {
    const at = this.#need(length);
    this.#at += length;
    return this.#bytes.subarray(at, this.#at);
  }

  /** All remaining bytes, not copied. */
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  #need(length: number): number {
    if (length > this.remaining) {
      throw new Violation(this.#code, `it ends ${length - this.remaining} bytes early`, this.#clause);
    }
    return this.#at;
  }

  #word(at: number): number {
    const bytes = this.#bytes;
    return (
      (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>>
      0
    );
  }
}
