import type { AuthClock } from "./clock.ts";
import { faultOf } from "./files.ts";

/** Milliseconds between two checks of a file: a change is in use within one second, with the time to read it. */
export const WATCH_INTERVAL_MS = 300;

/** Milliseconds that a check may take without progress. A file system that hangs never answers. */
export const CHECK_TIMEOUT_MS = 5_000;

export interface WatchOptions {
  readonly clock: AuthClock;
  /** A text that differs whenever the file may have changed; cheap. Call `step` after each of several files. */
  readonly stamp: (step: () => void) => Promise<string>;
  /** Called at every change. When it rejects, the last content stays in use. */
  readonly load: (step: () => void) => Promise<void>;
  readonly warn: (message: string, error?: unknown) => void;
  /** Its name in messages, such as `the key folder keys/`. */
  readonly what: string;
}

/**
 * Checks a file at short intervals. This also notices editors that replace files, links that Kubernetes swaps, and changes on network
 * disks. A check that fails, or makes no progress for {@link CHECK_TIMEOUT_MS}, makes the watch blind until a check succeeds. One check
 * runs at a time, so a file system that hangs blocks one thread and no more.
 */
export class Watch {
  readonly #options: WatchOptions;
  #stamp: string | undefined;
  #cancel = () => {};
  #closed = false;
  #running: Promise<void> = Promise.resolve();
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

  /** Since when checks fail, in milliseconds of the monotonic clock; undefined while they succeed. */
  get blindSince(): number | undefined {
    return this.#blindSince;
  }

  /** Checks that failed since the start. */
  get failures(): number {
    return this.#failures;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** Checks now, after a check that is running. Never rejects. */
  async checkNow(): Promise<void> {
    this.#cancel();
    const run = this.#running.then(() => this.#check());
    this.#running = run;
    await run;
    if (this.#running === run) this.#schedule();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancel = this.#options.clock.timer(WATCH_INTERVAL_MS, () => void this.checkNow());
  }

  async #check(): Promise<void> {
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
    // Log each problem once, not three times a second.
    const why = faultOf(error);
    if (why === this.#complained) return;
    this.#complained = why;
    this.#options.warn(
      `${this.#options.what} cannot be read, or its content is not valid; its last content stays in use for [auth] file_keep, then tokens are refused: ${why}`,
    );
  }
}

class LateError extends Error {
  constructor() {
    super(`no answer within ${CHECK_TIMEOUT_MS / 1_000} s`);
  }
}

/** Rejects when `work` makes no progress for {@link CHECK_TIMEOUT_MS}; its later result is ignored. */
export async function withLimit(clock: AuthClock, work: (step: () => void) => Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const { step, over } = stepped(clock, () => late.reject(new LateError()));
  try {
    await Promise.race([work(step), late.promise]);
  } finally {
    over();
  }
}

/** Calls `late` once, when neither `step` nor `over` has been called for {@link CHECK_TIMEOUT_MS}. */
function stepped(clock: AuthClock, late: () => void): { step: () => void; over: () => void } {
  let steps = 0;
  let cancel = () => {};
  const wait = () => {
    const seen = steps;
    cancel = clock.timer(CHECK_TIMEOUT_MS, () => (steps === seen ? late() : wait()));
  };
  wait();
  return { step: () => void steps++, over: () => cancel() };
}
