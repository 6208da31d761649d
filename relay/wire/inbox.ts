import { getVarint, varintSize } from "./varint.ts";

/** Bytes of a stream as they come, read piece by piece. Only what is left over after a push is copied. */
export class Inbox {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  push(bytes: Uint8Array): void {
    if (this.left === 0) {
      this.#bytes = bytes;
    } else {
      const joined = new Uint8Array(this.left + bytes.length);
      joined.set(this.#bytes.subarray(this.#at));
      joined.set(bytes, this.left);
      this.#bytes = joined;
    }
    this.#at = 0;
  }

  /** Must be called before the pushed bytes stop being valid. */
  keep(): void {
    this.#bytes = this.left === 0 ? EMPTY : this.#bytes.slice(this.#at);
    this.#at = 0;
  }

  /** The next varint when it is whole; above 2^53-1 only near. */
  varint(): number | undefined {
    const first = this.#bytes[this.#at];
    if (first === undefined || this.left < varintSize(first)) return undefined;
    const value = getVarint(this.#bytes, this.#at);
    this.#at += varintSize(first);
    return value;
  }

  take(length: number): Uint8Array | undefined {
    if (this.left < length) return undefined;
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }
}

const EMPTY = new Uint8Array(0);
