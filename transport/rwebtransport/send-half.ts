import type { SendHandler, SendStream } from "../../moq/link.ts";

/** The outbox of a send half. */
export interface SendOwner {
  written(half: SendHalf, bytes: number): void;
  finishing(half: SendHalf): void;
  resetting(half: SendHalf, code: number): void;
}

/**
 * The state of a stream in the addon:
 *
 * - `unopened`: the addon does not know it.
 * - `opening`: the addon has the command to open it; the peer's stream limit may block it.
 * - `open`: QUIC has opened it.
 * - `gone`: it has ended.
 */
export type SendPhase = "unopened" | "opening" | "open" | "gone";

/** Largest write in bytes that is copied together with its neighbours instead of having a call of its own. */
const COALESCE_BELOW = 4 * 1024;

/** Memory in which small writes are joined; the addon copies it before the call returns. */
const scratch = new Uint8Array(16 * 1024);

/** The list of chunks is compacted when so many of its first slots are empty. */
const COMPACT_AT = 256;

const NOTHING = new Uint8Array(0);

/** The send half of a stream: the bytes that the addon does not have yet, and the outbox's state of the stream. */
export class SendHalf implements SendStream {
  readonly id: number;
  readonly bidi: boolean;
  priority: number;
  /** Set before the first event. */
  handler: SendHandler | undefined;

  /** Called when QUIC has opened a stream of this end, before data of the peer can arrive on it. */
  opened: ((nativeId: number) => void) | undefined;

  // The outbox sets the fields from here to `dropped`.
  phase: SendPhase;
  /** The QUIC stream id, once the phase is `opening`. */
  nativeId: number;
  /** True while it is in the outbox's ready list. */
  listed = false;
  /** Number of its last turn. Of equal priorities the smallest number goes first. */
  lastTurn = 0;
  /** Writes that the addon has not yet given to QUIC. */
  unacked = 0;
  /** Bytes of those writes. */
  inFlight = 0;
  /** When the addon last took a write, or when the oldest outstanding write began if there was none before it. Milliseconds. */
  progressAt = 0;
  /** False while this one stream is blocked. The link's window then ignores its bytes, and the outbox writes nothing more to it. */
  counted = true;
  /** Whole ticks since the last write. */
  idleTicks = -1;
  finSent = false;
  /** Set when the program reset the half before QUIC has opened it. */
  resetCode: number | undefined;
  /** The written bytes are dropped: reset, stopped, or the link has ended. */
  dropped = false;

  readonly #owner: SendOwner;
  #chunks: Uint8Array[] = [];
  #head = 0;
  /** Bytes of the first chunk that the addon has. */
  #offset = 0;
  #waiting = 0;
  #finishing = false;

  constructor(owner: SendOwner, id: number, bidi: boolean, priority: number, nativeId: number | undefined) {
    this.#owner = owner;
    this.id = id;
    this.bidi = bidi;
    this.priority = priority;
    this.phase = nativeId === undefined ? "unopened" : "open";
    this.nativeId = nativeId ?? -1;
  }

  get queued(): number {
    return this.dropped ? 0 : this.#waiting + this.inFlight;
  }

  get ended(): boolean {
    return this.#finishing || this.dropped;
  }

  /** Bytes that the addon does not have yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The program asked for FIN. */
  get finAsked(): boolean {
    return this.#finishing;
  }

  write(bytes: Uint8Array): void {
    if (this.#finishing || this.dropped || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#waiting += bytes.length;
    this.#owner.written(this, bytes.length);
  }

  finish(): void {
    if (this.#finishing || this.dropped) return;
    this.#finishing = true;
    this.#owner.finishing(this);
  }

  /** Also ends a finished half that still has queued bytes. */
  reset(code: number): void {
    if (this.dropped || this.phase === "gone") return;
    this.#owner.resetting(this, code);
  }

  setPriority(priority: number): void {
    this.priority = priority;
  }

  /**
   * The next bytes for the addon, at most `limit`: one chunk or a part of it by reference, or several small ones copied
   * together into memory that the next call reuses. Call only while bytes wait.
   */
  take(limit: number): Uint8Array {
    const first = this.#chunks[this.#head] ?? NOTHING;
    const left = first.length - this.#offset;
    if (left > limit) {
      const part = first.subarray(this.#offset, this.#offset + limit);
      this.#offset += limit;
      this.#waiting -= limit;
      return part;
    }
    if (left >= COALESCE_BELOW || left === this.#waiting) {
      const whole = this.#offset === 0 ? first : first.subarray(this.#offset);
      this.#next(left);
      return whole;
    }
    return this.#gather(Math.min(limit, scratch.length));
  }

  /** Drops the waiting bytes. */
  drop(): void {
    this.dropped = true;
    this.#chunks = [];
    this.#head = 0;
    this.#offset = 0;
    this.#waiting = 0;
  }

  #gather(limit: number): Uint8Array {
    let size = 0;
    while (this.#waiting > 0) {
      const chunk = this.#chunks[this.#head] ?? NOTHING;
      const left = chunk.length - this.#offset;
      if (size + left > limit) break;
      scratch.set(this.#offset === 0 ? chunk : chunk.subarray(this.#offset), size);
      size += left;
      this.#next(left);
    }
    return scratch.subarray(0, size);
  }

  /** Leaves the head chunk, of which `left` bytes were taken last. */
  #next(left: number): void {
    this.#waiting -= left;
    this.#offset = 0;
    this.#chunks[this.#head] = NOTHING;
    this.#head += 1;
    if (this.#head === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
