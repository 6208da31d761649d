import type { VarintCodec } from "./varint.ts";

/**
 * The unread bytes of a stream. Pushed bytes are borrowed. Only the bytes that are unread after a push are copied, each of them a
 * bounded number of times however small the pieces are.
 */
export class Inbox {
  readonly #varints: VarintCodec;
  #bytes: Uint8Array = EMPTY;
  #at = 0;
  #end = 0;
  /** `#bytes` is memory of this inbox, and not borrowed. */
  #own = false;

  constructor(varints: VarintCodec) {
    this.#varints = varints;
  }

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

  /** The next varint, once all its bytes are here. A larger value than 2^53-1 is returned as 2^53-1. */
  varint(): number | undefined {
    const first = this.#bytes[this.#at];
    if (this.left === 0 || first === undefined) return undefined;
    const size = this.#varints.size(first);
    if (this.left < size) return undefined;
    const value = this.#varints.read(this.#bytes, this.#at);
    this.#at += size;
    return Math.min(value, Number.MAX_SAFE_INTEGER);
  }

  /** The next `length` bytes, once they are here: a view, valid until the next push or `keep`. */
  take(length: number): Uint8Array | undefined {
    if (this.left < length) return undefined;
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  /** Copies the unread bytes into memory of this inbox. */
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

/** Memory is replaced by a smaller piece when it is this many times larger than the unread bytes. */
const ROOMY = 8;
