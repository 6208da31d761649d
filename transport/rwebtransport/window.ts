/** Bounds of the window in bytes. */
const MIN_BYTES = 16 * 1024;
const START_BYTES = 64 * 1024;
const MAX_BYTES = 1024 * 1024;

/** What the window holds, in milliseconds of the link's rate: longer than this process is away from its events. */
const DEPTH_MS = 50;

/** Shortest time in milliseconds over which the rate is taken. */
const RATE_MS = 20;

/** Part of the window that one write may take. */
const SLICES = 4;

/** Largest single write in bytes. */
const MAX_SLICE = 64 * 1024;

/**
 * How many bytes the addon may hold that QUIC has not taken. The addon sends them in no order and does not give them
 * back, so it gets no more than keeps the path busy: by the rate at which it acknowledges while more is waiting.
 */
export class Window {
  /** Unacknowledged bytes that count. */
  inFlight = 0;
  #size = START_BYTES;
  /** When the present measurement began; undefined while nothing waits. */
  #since: number | undefined;
  #acked = 0;

  get size(): number {
    return this.#size;
  }

  /** Largest single write now: whole bytes, or a cut chunk would lose the fraction. */
  get slice(): number {
    return Math.min(MAX_SLICE, Math.floor(this.#size / SLICES));
  }

  /** After each acknowledgement; `waiting`: there was more to send all along. `now` in milliseconds. */
  acked(bytes: number, waiting: boolean, now: number): void {
    if (!waiting) {
      this.#since = undefined;
      return;
    }
    if (this.#since === undefined) {
      this.#since = now;
      this.#acked = 0;
      return;
    }
    this.#acked += bytes;
    const took = now - this.#since;
    if (took < RATE_MS) return;
    this.#size = Math.min(MAX_BYTES, Math.max(MIN_BYTES, Math.round((this.#acked / took) * DEPTH_MS)));
    this.#since = now;
    this.#acked = 0;
  }

  /** Nothing was acknowledged for a while. */
  stalled(): void {
    this.#since = undefined;
    this.#size = Math.max(MIN_BYTES, Math.round(this.#size / 2));
  }
}
