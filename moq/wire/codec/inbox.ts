import { getVarint, varintSize } from "./varint.ts";

/**
 * Bytes of a stream as they come, read piece by piece. Pushed bytes are borrowed; only what is left over after a push
 * is copied, each byte a bounded number of times however small the pieces are.
 */
export class Inbox {
  #bytes: Uint8Array = EMPTY;
  #at = 0;
  #end = 0;
  /** Whether `#bytes` is memory of this inbox. */
  #own = false;

  get left(): number {
    return this.#end - this.#at;
  }

  push(bytes: Uint8Array): void {
    if (this.left === 0) {
      this.#bytes = bytes;
      this.#own = false;
      this.#at = 0;
      this.#end = bytes.length;
      return;
    }
    if (!this.#own || this.#end + bytes.length > this.#bytes.length) this.#move(2 * (this.left + bytes.length));
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Must be called before the pushed bytes stop being valid. */
  keep(): void {
    if (this.left === 0) {
      this.#bytes = EMPTY;
      this.#own = false;
      this.#at = 0;
      this.#end = 0;
    } else if (!this.#own || this.left < this.#bytes.length / ROOMY) this.#move(this.left);
  }

  /** The next varint when it is whole; 2^53-1 for all that are larger. */
  varint(): number | undefined {
    const first = this.#bytes[this.#at];
    if (this.left === 0 || first === undefined || this.left < varintSize(first)) return undefined;
    const value = getVarint(this.#bytes, this.#at);
    this.#at += varintSize(first);
    return Math.min(value, Number.MAX_SAFE_INTEGER);
  }

  /** The next `length` bytes when they are there: a view, valid until the next push or `keep`. */
  take(length: number): Uint8Array | undefined {
    if (this.left < length) return undefined;
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  /** Takes what is left into memory of this inbox. */
  #move(capacity: number): void {
    const own = new Uint8Array(capacity);
    own.set(this.#bytes.subarray(this.#at, this.#end));
    this.#end -= this.#at;
    this.#at = 0;
    this.#bytes = own;
    this.#own = true;
  }
}

const EMPTY = new Uint8Array(0);

/** Memory is given back when this many times more of it is held than needed. */
const ROOMY = 8;
