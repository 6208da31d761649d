/** Milliseconds without anything new of a live broadcast after which the connection is taken to be dead. */
const FIRST_MS = 3_000;
/** Longest wait, in milliseconds: a publisher may stand still as well, and a new connection is no help then. */
const LONGEST_MS = 60_000;
/** Milliseconds after a dial in which the next one waits for longer: a picture that changes seldom is no dead connection. */
const CALM_MS = 60_000;

/**
 * When to dial a relay again that has fallen silent. A browser notices after half a minute of silence that a relay was killed; the picture
 * tells it earlier.
 */
export class Patience {
  #newest: number | undefined;
  #since = 0;
  #waitMs = FIRST_MS;
  #dialledAt = Number.NEGATIVE_INFINITY;

  /** `newest`: time stamp of the newest media; `expected`: there should be more by now. True when the relay should be dialled again. */
  look(now: number, newest: number | undefined, expected: boolean): boolean {
    if (newest !== this.#newest || newest === undefined || !expected) {
      this.#newest = newest;
      this.#since = now;
      if (now - this.#dialledAt >= CALM_MS) this.#waitMs = FIRST_MS;
      return false;
    }
    if (now - this.#since < this.#waitMs) return false;
    this.#since = now;
    this.#dialledAt = now;
    this.#waitMs = Math.min(LONGEST_MS, this.#waitMs * 2);
    return true;
  }
}
