import { putStreamHead } from "./frames.ts";
import { BY_REFERENCE_FROM, SLAB_SIZE } from "./limits.ts";

/** One message for the socket: the bytes of `parts` one after the other. */
export interface OutgoingRecord {
  readonly parts: readonly Uint8Array[];
  readonly size: number;
}

/** Builds records. It copies small pieces into slabs and adds large ones by reference. */
export class RecordWriter {
  #slab = new Uint8Array(0);
  /** Where in the slab the current part starts and ends. */
  #start = 0;
  #at = 0;
  #parts: Uint8Array[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  streamHead(size: number, id: number, offset: number, length: number, fin: boolean): void {
    this.#reserve(size);
    this.#at = putStreamHead(this.#slab, this.#at, id, offset, length, fin);
    this.#size += size;
  }

  append(bytes: Uint8Array): void {
    this.#size += bytes.length;
    if (bytes.length >= BY_REFERENCE_FROM) {
      this.#closePart();
      this.#parts.push(bytes);
      return;
    }
    this.#reserve(bytes.length);
    this.#slab.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Ends the record and returns it; undefined if it is empty. */
  end(): OutgoingRecord | undefined {
    if (this.#size === 0) return undefined;
    this.#closePart();
    const record = { parts: this.#parts, size: this.#size };
    this.#parts = [];
    this.#size = 0;
    return record;
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#slab.length) return;
    this.#closePart();
    this.#slab = new Uint8Array(SLAB_SIZE);
    this.#start = 0;
    this.#at = 0;
  }

  #closePart(): void {
    if (this.#at > this.#start) this.#parts.push(this.#slab.subarray(this.#start, this.#at));
    this.#start = this.#at;
  }
}
