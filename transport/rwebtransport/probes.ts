import type { SendHalf } from "./send-half.ts";

/** Ticks without a write after which an idle stream is probed less often: once in this many ticks. */
const IDLE_TICKS = 8;

/** Milliseconds, and statistics, after which an unanswered probe means that the QUIC stack has removed the stream. */
const DOUBT_MS = 1000;
const DOUBT_STATS = 2;

/**
 * Detects STOP_SENDING on streams without writes.
 *
 * The addon detects it only at a write, so idle streams get a write without bytes from time to time. If it arrives
 * together with the end of the peer's own half, the QUIC stack removes the stream when that end is read, and never
 * acknowledges a write again. So when the receive half of a bidirectional stream ends, its send half is in doubt until
 * a write without bytes is acknowledged; flow control does not block such a write.
 */
export class Probes {
  readonly #probe: (half: SendHalf) => void;
  readonly #askStats: () => void;
  readonly #doubts = new Map<SendHalf, { readonly since: number; readonly stats: number }>();
  #stats = 0;

  /** `probe` writes without bytes; `askStats` requests statistics, which show that the addon's thread is alive. */
  constructor(probe: (half: SendHalf) => void, askStats: () => void) {
    this.#probe = probe;
    this.#askStats = askStats;
  }

  /** The addon's thread sent its statistics. */
  answered(): void {
    this.#stats += 1;
  }

  /** The receive half of the same stream has ended. */
  doubt(half: SendHalf, now: number): void {
    this.#doubts.set(half, { since: now, stats: this.#stats });
    if (half.unacked === 0) this.#probe(half);
  }

  /** Whether no bytes may be written now: flow control could block them, and the probe would seem unanswered. */
  isDoubted(half: SendHalf): boolean {
    return this.#doubts.size > 0 && this.#doubts.has(half);
  }

  /** Removes a half whose probe was acknowledged, or that has ended. */
  clear(half: SendHalf): void {
    if (this.#doubts.size > 0) this.#doubts.delete(half);
  }

  /** The halves that the QUIC stack has removed. */
  forgotten(now: number): readonly SendHalf[] {
    if (this.#doubts.size === 0) return [];
    this.#askStats();
    const halves: SendHalf[] = [];
    for (const [half, doubt] of this.#doubts) {
      if (half.inFlight > 0 || now - doubt.since < DOUBT_MS || this.#stats < doubt.stats + DOUBT_STATS) continue;
      halves.push(half);
    }
    return halves;
  }

  /** An open half with nothing to write and nothing unacknowledged. */
  idle(half: SendHalf): void {
    half.idleTicks += 1;
    const ticks = half.idleTicks;
    if (ticks === 0) return;
    if (ticks % IDLE_TICKS === 0 || (ticks & (ticks - 1)) === 0) this.#probe(half);
  }

  end(): void {
    this.#doubts.clear();
  }
}
