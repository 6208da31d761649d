import type { AuthClock } from "./clock.ts";
import { faultOf } from "./files.ts";

/** Milliseconds between two looks at files: with the reading after it, a change works within one second. */
export const WATCH_INTERVAL_MS = 300;

/** Milliseconds that a look may take without a step forward. A file system that hangs answers never. */
export const LOOK_TIMEOUT_MS = 5_000;

export interface WatchOptions {
  readonly clock: AuthClock;
  /** Cheap, and different whenever what it stands for may have changed. `step` is to be called after each of many files. */
  readonly stamp: (step: () => void) => Promise<string>;
  /** Called at every change; when it fails, what was there stays in use. */
  readonly load: (step: () => void) => Promise<void>;
  readonly warn: (message: string, error?: unknown) => void;
  /** What it is called in messages, such as `the keys in keys/`. */
  readonly what: string;
}

/**
 * Looks again and again: works for editors that replace files, for links that Kubernetes swaps, and on network disks.
 * A look that fails, or does not get on for {@link LOOK_TIMEOUT_MS}, makes it blind until one succeeds. Only one look is
 * under way at a time, so a file system that hangs holds one thread and no more.
 */
export class Watch {
  readonly #options: WatchOptions;
  #stamp: string | undefined;
  #cancel = () => {};
  #closed = false;
  #complained: string | undefined;
  #blindSince: number | undefined;
  #failures = 0;

  private constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Loads once, then watches. Rejects when the first load fails or takes too long. */
  static async open(options: WatchOptions): Promise<Watch> {
    const watch = new Watch(options);
    const { what, clock } = options;
    try {
      await withLimit(clock, async (step) => {
        watch.#stamp = await options.stamp(step);
        await options.load(step);
      });
    } catch (error) {
      throw new Error(`${what} cannot be used: ${faultOf(error)}`, { cause: error });
    }
    watch.#schedule();
    return watch;
  }

  /** Since when looks fail, in milliseconds of the monotonic clock; nothing while they succeed. */
  get blindSince(): number | undefined {
    return this.#blindSince;
  }

  /** Looks that failed since the start. */
  get failures(): number {
    return this.#failures;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancel = this.#options.clock.timer(WATCH_INTERVAL_MS, () => {
      void this.#look().finally(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    const from = this.#options.clock.now();
    const { step, over } = stepped(this.#options.clock, () => this.#failed(new LateError(), from));
    try {
      const next = await this.#options.stamp(step);
      if (next !== this.#stamp && !this.#closed) {
        await this.#options.load(step);
        this.#stamp = next;
      }
      this.#succeeded();
    } catch (error) {
      this.#failed(error, from);
    } finally {
      over();
    }
  }

  #succeeded(): void {
    if (this.#blindSince !== undefined) this.#options.warn(`${this.#options.what} can be read again`);
    this.#blindSince = undefined;
    this.#complained = undefined;
  }

  #failed(error: unknown, from: number): void {
    if (this.#closed) return;
    this.#failures++;
    this.#blindSince ??= from;
    // Said once per problem, not three times a second.
    const why = faultOf(error);
    if (why === this.#complained) return;
    this.#complained = why;
    this.#options.warn(`${this.#options.what} cannot be read again; what was read before stays in use for now: ${why}`);
  }
}

class LateError extends Error {
  constructor() {
    super(`no answer within ${LOOK_TIMEOUT_MS / 1_000} s`);
  }
}

/** Rejects when `work` does not get on for {@link LOOK_TIMEOUT_MS}; what it does later is of no interest. */
export async function withLimit(clock: AuthClock, work: (step: () => void) => Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const { step, over } = stepped(clock, () => late.reject(new LateError()));
  try {
    await Promise.race([work(step), late.promise]);
  } finally {
    over();
  }
}

/** Calls `late` once, when neither `step` nor `over` was called for {@link LOOK_TIMEOUT_MS}. */
function stepped(clock: AuthClock, late: () => void): { step: () => void; over: () => void } {
  let steps = 0;
  let cancel = () => {};
  const wait = () => {
    const seen = steps;
    cancel = clock.timer(LOOK_TIMEOUT_MS, () => (steps === seen ? late() : wait()));
  };
  wait();
  return { step: () => void steps++, over: () => cancel() };
}
