import { Violation } from "./violation.ts";

/** Share of the peer's streams that must have ended before this end raises the peer's limit. */
const RENEW_SHARE = 1 / 4;

/** Streams of one kind that the peer opens. Indexes count from 0 (RFC 9000 section 2.1). */
export class PeerStreams {
  #limit: number;
  /** The peer's limit: streams that it may open in total. */
  #max: number;
  #ended = 0;
  /** One more than the highest opened index. */
  #opened = 0;
  /** Indexes opened by a higher one and not used yet; the peer chooses the order. At most {@link #limit}. */
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

  /** Raises how many streams may be open at a time. Returns the peer's new limit, if it changed. */
  raise(limit: number): number | undefined {
    if (limit <= this.#limit) return undefined;
    this.#limit = limit;
    this.#max = limit + this.#ended;
    return this.#max;
  }

  /** A stream has ended. Returns the peer's new limit, when it should be sent. */
  ended(): number | undefined {
    this.#ended += 1;
    const max = this.#limit + this.#ended;
    if (max - this.#max < Math.max(1, this.#limit * RENEW_SHARE)) return undefined;
    this.#max = max;
    return max;
  }
}

/**
 * Streams of one kind that this end opens. A stream gets its index with its first frame, so the peer sees them open in
 * order, and never sees a stream that was reset before its first frame.
 */
export class OwnStreams {
  /** This end's limit: streams that it may open in total. */
  #max = 0;
  #announced = 0;
  #reserved = 0;
  /** The value of {@link #max} in the last STREAMS_BLOCKED. */
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

  /** Uses a reserved stream and returns its index. */
  announce(): number {
    this.#reserved -= 1;
    return this.#announced++;
  }

  /** Gives a reserved stream back unused. */
  release(): void {
    this.#reserved -= 1;
  }

  /** True once after a refused open, as soon as a stream can be opened. */
  takeWanted(): boolean {
    if (!this.#wanted || this.#announced + this.#reserved >= this.#max) return false;
    this.#wanted = false;
    return true;
  }

  /** MAX_STREAMS; a smaller value than before is ignored. */
  raise(max: number): void {
    this.#max = Math.max(this.#max, max);
  }

  /** The limit for STREAMS_BLOCKED, once for each limit. */
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
