import { Violation } from "./violation.ts";

/** Of the streams that a peer opens, the share that has to have ended before it is told that it may open more. */
const RENEW_SHARE = 1 / 4;

/** Streams of one kind that the peer opens. Indexes count from 0 (RFC 9000 section 2.1). */
export class PeerStreams {
  #limit: number;
  /** Streams that the peer may have opened in all, as it was told. */
  #max: number;
  #ended = 0;
  /** One more than the highest index that was opened. */
  #opened = 0;
  /** Opened by a higher index and not used yet: the order of first frames is the peer's. At most {@link #limit}. */
  readonly #skipped = new Set<number>();

  /** `limit`: streams that may be open at a time. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#max = limit;
  }

  /** True when `index` is new, false when it was there before. Throws a {@link Violation} beyond the limit. */
  open(index: number): boolean {
    if (index >= this.#max) {
      throw new Violation("STREAM_LIMIT_ERROR", `stream ${index} of ${this.#max}`, "RFC 9000 section 4.6");
    }
    if (index < this.#opened) return this.#skipped.delete(index);
    for (let skipped = this.#opened; skipped < index; skipped++) this.#skipped.add(skipped);
    this.#opened = index + 1;
    return true;
  }

  /** More may be open at a time. Returns the limit that the peer shall be told, if that changed. */
  raise(limit: number): number | undefined {
    if (limit <= this.#limit) return undefined;
    this.#limit = limit;
    this.#max = limit + this.#ended;
    return this.#max;
  }

  /** One has ended. Returns the limit that the peer shall be told, if it is time. */
  ended(): number | undefined {
    this.#ended += 1;
    const max = this.#limit + this.#ended;
    if (max - this.#max < Math.max(1, this.#limit * RENEW_SHARE)) return undefined;
    this.#max = max;
    return max;
  }
}

/**
 * Streams of one kind that this end opens. They get their index with their first frame: so one that is reset before
 * never was, and the peer sees them open in order.
 */
export class OwnStreams {
  /** Streams that the peer lets us open in all. */
  #max = 0;
  #announced = 0;
  #reserved = 0;
  /** The value of {@link #max} that the peer was last told is not enough. */
  #blockedAt = -1;
  #wanted = false;

  /** False when the peer's limit is reached. */
  reserve(): boolean {
    if (this.#announced + this.#reserved < this.#max) {
      this.#reserved += 1;
      return true;
    }
    this.#wanted = true;
    return false;
  }

  /** A reserved one is used for good: its index. */
  announce(): number {
    this.#reserved -= 1;
    return this.#announced++;
  }

  /** A reserved one will not be used. */
  release(): void {
    this.#reserved -= 1;
  }

  /** One was refused since this was asked last, and there is room now. */
  takeWanted(): boolean {
    if (!this.#wanted || this.#announced + this.#reserved >= this.#max) return false;
    this.#wanted = false;
    return true;
  }

  /** MAX_STREAMS; a smaller value than before does nothing. */
  raise(max: number): void {
    this.#max = Math.max(this.#max, max);
  }

  /** The limit to name in STREAMS_BLOCKED, once for each. */
  takeBlocked(): number | undefined {
    if (this.#blockedAt === this.#max) return undefined;
    this.#blockedAt = this.#max;
    return this.#max;
  }

  /** True when stream `index` has been used. */
  knows(index: number): boolean {
    return index < this.#announced;
  }
}
