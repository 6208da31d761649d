import type { SendHandler, SendStream } from "../../moq/link.ts";
import type { Prioritized } from "../shared/index.ts";

/** The link of a send half. */
export interface SendOwner {
  /** `half` has more to send: `bytes`, or only its FIN. */
  wrote(half: SendHalf, bytes: number): void;
  /** The program reset `half`, whose data is dropped already. */
  wasReset(half: SendHalf, code: number, dropped: number): void;
  reprioritized(half: SendHalf): void;
}

/** Consumed chunks at the front of the queue after which the queue is shortened. */
const COMPACT_AT = 32;

/** The send half of a stream. Written bytes wait here until the link puts them into a record. */
export class SendHalf implements SendStream, Prioritized {
  readonly id: number;
  /** The id on the wire; undefined until the first frame of a stream that this end opened. */
  wireId: number | undefined;
  readonly bidi: boolean;
  handler: SendHandler | undefined;
  priority: number;
  /** Bytes put into records so far: the offset of the next byte. */
  sent = 0;
  /** Offset up to which the peer allows data. */
  credit: number;
  /** The value of {@link credit} in the last STREAM_DATA_BLOCKED. */
  blockedAt = -1;
  place = -1;
  turn = 0;
  /** FIN or a reset is in a record, or none will ever be. */
  done = false;
  readonly #owner: SendOwner;
  #ended = false;
  #finishing = false;
  #queued = 0;
  #chunks: Uint8Array[] = [];
  /** Index of the first chunk with unsent bytes, and how many of its bytes were sent. */
  #head = 0;
  #headUsed = 0;

  constructor(
    owner: SendOwner,
    options: {
      id: number;
      wireId?: number;
      bidi: boolean;
      priority: number;
      credit: number;
      handler?: SendHandler;
    },
  ) {
    this.#owner = owner;
    this.id = options.id;
    this.wireId = options.wireId;
    this.bidi = options.bidi;
    this.priority = options.priority;
    this.credit = options.credit;
    this.handler = options.handler;
  }

  get queued(): number {
    return this.#queued;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** FIN follows the last byte. */
  get finishing(): boolean {
    return this.#finishing;
  }

  /** Something waits that the peer's limit for this stream allows. */
  get sendable(): boolean {
    if (this.done) return false;
    return this.#queued > 0 ? this.credit > this.sent : this.#finishing;
  }

  write(bytes: Uint8Array): void {
    if (this.#ended || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#queued += bytes.length;
    this.#owner.wrote(this, bytes.length);
  }

  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#finishing = true;
    this.#owner.wrote(this, 0);
  }

  reset(code: number): void {
    if (this.done) return;
    const dropped = this.end();
    this.#owner.wasReset(this, code, dropped);
  }

  setPriority(priority: number): void {
    if (priority === this.priority) return;
    this.priority = priority;
    this.#owner.reprioritized(this);
  }

  /** Ends the half and returns how many bytes were dropped. */
  end(): number {
    const dropped = this.#queued;
    this.#ended = true;
    this.#finishing = false;
    this.done = true;
    this.#chunks = [];
    this.#head = 0;
    this.#headUsed = 0;
    this.#queued = 0;
    return dropped;
  }

  /** Takes `length` bytes, at most {@link queued}, in pieces that are not copied. */
  take(length: number, each: (piece: Uint8Array) => void): void {
    let left = length;
    while (left > 0) {
      const chunk = this.#chunks[this.#head];
      if (chunk === undefined) break;
      const piece = chunk.subarray(this.#headUsed, this.#headUsed + left);
      each(piece);
      left -= piece.length;
      this.#headUsed += piece.length;
      if (this.#headUsed === chunk.length) this.#dropHead();
    }
    this.#queued -= length;
    this.sent += length;
  }

  #dropHead(): void {
    this.#headUsed = 0;
    this.#head += 1;
    if (this.#head === this.#chunks.length) {
      this.#chunks = [];
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
  }
}
