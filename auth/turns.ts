import type { AuthClock } from "./clock.ts";
import { AuthError } from "./error.ts";

export interface TurnsOptions {
  /** Pieces of work that run at once. */
  readonly most: number;
  /** Further ones that wait for their turn. */
  readonly waiting: number;
  /** Longest wait for a turn, in milliseconds. */
  readonly waitMs: number;
  readonly clock: AuthClock;
  /** What is asked for too often, for the message to the client. */
  readonly what: string;
}

/**
 * Runs a bounded number of pieces of work at once; further ones wait in order. So many clients that come at once, as after the loss of a relay, are
 * decided on one after another instead of being refused.
 */
export class Turns {
  readonly #options: TurnsOptions;
  /** Those who wait, oldest first. */
  readonly #queue = new Set<() => void>();
  #running = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Pieces of work that run or wait. */
  get size(): number {
    return this.#running + this.#queue.size;
  }

  /** Resolves as `work` does. Rejects with {@link AuthError} `busy` where too many wait, or this one has waited for too long. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#options.most) await this.#turn();
    else this.#running++;
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  /** The place passes from one that has ended to the next, so the number that runs stays the same. */
  #next(): void {
    const [next] = this.#queue;
    if (next === undefined) this.#running--;
    else next();
  }

  #turn(): Promise<void> {
    const { waiting, waitMs, clock, what } = this.#options;
    if (this.#queue.size >= waiting) return Promise.reject(new AuthError("busy", `too many ${what}: try again`));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const go = () => {
      stop();
      this.#queue.delete(go);
      resolve();
    };
    const stop = clock.timer(waitMs, () => {
      this.#queue.delete(go);
      reject(new AuthError("busy", `too many ${what}, and none had its turn for ${waitMs} ms: try again`));
    });
    this.#queue.add(go);
    return promise;
  }
}
