/** Computes the growth per second of a count. */

/** Shortest time between two counts that gives a new rate, in milliseconds. */
const SHORTEST_MS = 200;

export class Rate {
  #count: number | undefined;
  #at = 0;
  #rate: number | undefined;

  /** Growth per second since the last count; undefined before the second one. A smaller count starts again. */
  add(count: number | undefined, now = performance.now()): number | undefined {
    if (count === undefined || this.#count === undefined || count < this.#count) {
      this.#rate = undefined;
    } else {
      if (now - this.#at < SHORTEST_MS) return this.#rate;
      this.#rate = ((count - this.#count) * 1000) / (now - this.#at);
    }
    this.#count = count;
    this.#at = now;
    return this.#rate;
  }
}

/** Bits per second from bytes per second. */
export function toBits(bytesPerSecond: number | undefined): number | undefined {
  return bytesPerSecond === undefined ? undefined : bytesPerSecond * 8;
}
