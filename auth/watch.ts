import type { AuthClock } from "./clock.ts";

/** Milliseconds between two looks at files: with the reading after it, a change works within one second. */
export const WATCH_INTERVAL_MS = 300;

export interface WatchOptions {
  readonly clock: AuthClock;
  /** Cheap, and different whenever what it stands for may have changed. */
  readonly stamp: () => Promise<string>;
  /** Called at every change; a failure is told to `warn` and what was there stays in use. */
  readonly load: () => Promise<void>;
  readonly warn: (message: string, error?: unknown) => void;
  /** What it is called in messages, such as `the keys in keys/`. */
  readonly what: string;
}

/** Looks again and again: works for editors that replace files, for links that Kubernetes swaps, and on network disks. */
export class Watch {
  readonly #options: WatchOptions;
  #stamp: string | undefined;
  #cancel = () => {};
  #closed = false;
  #complained: string | undefined;

  private constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Loads once, then watches. Rejects when the first load fails. */
  static async open(options: WatchOptions): Promise<Watch> {
    const watch = new Watch(options);
    try {
      watch.#stamp = await options.stamp();
      await options.load();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${options.what} cannot be used: ${why}`, { cause: error });
    }
    watch.#schedule();
    return watch;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancel = this.#options.clock.timer(WATCH_INTERVAL_MS, () => {
      void this.#look().then(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    const { stamp, load, warn, what } = this.#options;
    try {
      const next = await stamp();
      if (next === this.#stamp || this.#closed) return;
      await load();
      this.#stamp = next;
      this.#complained = undefined;
    } catch (error) {
      // Said once per problem, not three times a second.
      const why = error instanceof Error ? error.message : String(error);
      if (why === this.#complained) return;
      this.#complained = why;
      warn(`${what} cannot be read again; what was read before stays in use: ${why}`);
    }
  }
}
