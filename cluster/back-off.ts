export interface BackOffDeps {
  /** First and longest wait in milliseconds. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/**
 * How long to wait before the next attempt: twice as long after each failure, up to the longest wait. Half of each wait is random, so
 * that relays which lost the same peer do not reconnect together.
 */
export class BackOff {
  readonly #deps: BackOffDeps;
  #waitMs: number;

  constructor(deps: BackOffDeps) {
    this.#deps = deps;
    this.#waitMs = deps.firstMs;
  }

  /** Milliseconds until the next attempt. */
  next(): number {
    const { longestMs, random } = this.#deps;
    const wait = this.#waitMs * (0.5 + random() / 2);
    this.#waitMs = Math.min(longestMs, this.#waitMs * 2);
    return wait;
  }

  /** An attempt succeeded: the next failure waits the first wait again. */
  reset(): void {
    this.#waitMs = this.#deps.firstMs;
  }
}
