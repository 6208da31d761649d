/** Milliseconds without new media of a live broadcast after which the connection counts as dead. */
const FIRST_MS = 3_000;
/** Longest wait, in milliseconds: the publisher may have stopped sending, and then a new connection does not help. */
const LONGEST_MS = 60_000;
/** Milliseconds after a dial within which the next one waits longer: a picture that rarely changes does not mean a dead connection. */
const CALM_MS = 60_000;

/**
 * Decides when to dial a silent relay again. A browser notices a killed relay after half a minute of silence; missing media show it
 * earlier.
 */
export class Patience {
  #newest: number | undefined;
  #since = 0;
  #waitMs = FIRST_MS;
  #dialledAt = Number.NEGATIVE_INFINITY;

  /** `newest`: timestamp of the latest media; `expected`: more media are due. True when the relay should be dialled again. */
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
