import type { SendHalf } from "./send-half.ts";

/** Ticks without a write after which an idle stream is asked for a STOP_SENDING only every so many ticks. */
const IDLE_TICKS = 8;

/** Milliseconds and statistics after which an unanswered probe says that the QUIC stack has forgotten the stream. */
const DOUBT_MS = 1000;
const DOUBT_STATS = 2;

/**
 * Finds out about STOP_SENDING where nothing is written.
 *
 * The addon notices it only when it writes, so idle streams get a write without bytes now and then. And where it
 * comes together with the end of the peer's own half, the QUIC stack forgets the stream as soon as that end is read, and
 * writes stay unanswered for ever. So the end of a bidirectional stream's receive half puts its send half in
 * doubt until a write without bytes, which no flow control holds back, is acknowledged.
 */
export class Probes {
  readonly #probe: (half: SendHalf) => void;
  readonly #askStats: () => void;
  readonly #doubts = new Map<SendHalf, { readonly since: number; readonly stats: number }>();
  #stats = 0;

  /** `probe` writes without bytes; `askStats` asks the addon's thread for a sign of life. */
  constructor(probe: (half: SendHalf) => void, askStats: () => void) {
    this.#probe = probe;
    this.#askStats = askStats;
  }

  /** The addon's thread gave its sign of life. */
  answered(): void {
    this.#stats += 1;
  }

  /** The receive half of the same stream has ended. */
  doubt(half: SendHalf, now: number): void {
    this.#doubts.set(half, { since: now, stats: this.#stats });
    if (half.unacked === 0) this.#probe(half);
  }

  /** Nothing may be written that could be taken for a write that flow control holds back. */
  isDoubted(half: SendHalf): boolean {
    return this.#doubts.size > 0 && this.#doubts.has(half);
  }

  /** Acknowledged, or of no interest any more. */
  clear(half: SendHalf): void {
    if (this.#doubts.size > 0) this.#doubts.delete(half);
  }

  /** The halves that turn out to be forgotten. */
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
