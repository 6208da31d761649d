/** Bounds of the window in bytes. */
const MIN_BYTES = 16 * 1024;
const START_BYTES = 64 * 1024;
const MAX_BYTES = 1024 * 1024;

/** Size of the window in milliseconds of the link's rate: longer than this process is usually away from its events. */
const DEPTH_MS = 50;

/** Shortest time in milliseconds over which the rate is measured. */
const RATE_MS = 20;

/** Part of the window that one write may use. */
const SLICES = 4;

/** Largest single write in bytes. */
const MAX_SLICE = 64 * 1024;

/**
 * How many bytes the addon may hold that QUIC has not accepted. The addon sends them in no order and never gives them
 * back. So it gets only enough to keep the path busy, by the rate at which it acknowledges while more bytes wait.
 */
export class Window {
  /** Unacknowledged bytes that count in the window. */
  inFlight = 0;
  #size = START_BYTES;
  /** When the current measurement began; undefined while no bytes wait. */
  #since: number | undefined;
  #acked = 0;

  get size(): number {
    return this.#size;
  }

  /** Largest single write now; a whole number, because chunks are cut at it. */
  get slice(): number {
    return Math.min(MAX_SLICE, Math.floor(this.#size / SLICES));
  }

  /** Call after each acknowledgement. `waiting`: more bytes waited the whole time. `now` in milliseconds. */
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

  /** Call when nothing was acknowledged for a while. */
  stalled(): void {
    this.#since = undefined;
    this.#size = Math.max(MIN_BYTES, Math.round(this.#size / 2));
  }
}
