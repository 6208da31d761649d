import type { SendHandler, SendStream } from "../../moq/link.ts";
import type { Prioritized } from "../../transport/shared/index.ts";
import { Order } from "./lane.ts";

/** The link of a send half. */
export interface SendOwner {
  /** `half` has something to send: `bytes`, or only its FIN. */
  wrote(half: SendHalf, bytes: number): void;
  /** `dropped` bytes will not be sent. */
  wasReset(half: SendHalf, code: number, dropped: number): void;
  reprioritized(half: SendHalf): void;
}

/** The send half of a stream. Written bytes wait here until the link sends them. */
export class SendHalf implements SendStream, Prioritized {
  readonly id: number;
  readonly bidi: boolean;
  /** Opened by this end, so that it counts towards the peer's limit. */
  readonly own: boolean;
  /** Absent for a stream of the peer until its handler is known. */
  handler: SendHandler | undefined;
  priority: number;
  place = -1;
  turn = 0;
  /** The peer knows of the stream. */
  announced: boolean;
  /** Bytes on their way to the peer or not read by it. */
  inFlight = 0;
  /** FIN or a reset was sent, or nothing will ever be sent. */
  done = false;
  /** The order of all packets of this half. */
  readonly order = new Order();
  readonly #owner: SendOwner;
  #chunks: Uint8Array[] = [];
  #head = 0;
  /** Bytes of the first chunk that were sent. */
  #offset = 0;
  #queued = 0;
  #finishing = false;

  constructor(owner: SendOwner, id: number, options: { bidi: boolean; own: boolean; priority: number }) {
    this.#owner = owner;
    this.id = id;
    this.bidi = options.bidi;
    this.own = options.own;
    this.announced = !options.own;
    this.priority = options.priority;
  }

  get queued(): number {
    return this.#queued;
  }

  get ended(): boolean {
    return this.#finishing || this.done;
  }

  /** All data is sent and the FIN is not. */
  get finDue(): boolean {
    return this.#finishing && this.#queued === 0 && !this.done;
  }

  write(bytes: Uint8Array): void {
    if (this.ended || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#queued += bytes.length;
    this.#owner.wrote(this, bytes.length);
  }

  finish(): void {
    if (this.ended) return;
    this.#finishing = true;
    this.#owner.wrote(this, 0);
  }

  /** Also ends a finished half that still has queued bytes. */
  reset(code: number): void {
    if (!this.done) this.#owner.wasReset(this, code, this.end());
  }

  setPriority(priority: number): void {
    if (priority === this.priority) return;
    this.priority = priority;
    this.#owner.reprioritized(this);
  }

  /** Ends the half and returns how many bytes were dropped. */
  end(): number {
    const dropped = this.#queued;
    this.done = true;
    this.#chunks = [];
    this.#head = 0;
    this.#offset = 0;
    this.#queued = 0;
    return dropped;
  }

  /** The next bytes, at most `limit`, from one chunk, not copied. Call only while bytes are queued. */
  take(limit: number): Uint8Array {
    const chunk = this.#chunks[this.#head] ?? NOTHING;
    const piece = chunk.subarray(this.#offset, this.#offset + limit);
    this.#offset += piece.length;
    this.#queued -= piece.length;
    if (this.#offset === chunk.length) this.#dropHead();
    return piece;
  }

  #dropHead(): void {
    this.#chunks[this.#head] = NOTHING;
    this.#head += 1;
    this.#offset = 0;
    if (this.#head * 2 < this.#chunks.length) return;
    this.#chunks = this.#chunks.slice(this.#head);
    this.#head = 0;
  }
}

const NOTHING = new Uint8Array(0);
