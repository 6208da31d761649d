import type { Native } from "./addon.ts";

/** The engine's binary for all of its links, and the turn after which what was asked of it takes effect. */
export class Port {
  readonly native: Native;
  /** How many links have ended; tells fan-outs when to look through their streams. */
  endings = 0;
  #live = 0;
  #dirty = false;
  #dispatching = false;

  constructor(native: Native) {
    this.native = native;
  }

  /** Something was asked of the engine in this turn. */
  touch(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    if (!this.#dispatching) queueMicrotask(this.#flush);
  }

  /** Runs handlers; what they ask for goes out together afterwards. */
  dispatch(run: () => void): void {
    this.#dispatching = true;
    try {
      run();
    } finally {
      this.#dispatching = false;
      this.#flush();
    }
  }

  /** A listener, a link or a dial more, or one less; as long as there are any, the process lives. */
  live(change: 1 | -1): void {
    const before = this.#live;
    this.#live += change;
    if (before === 0) this.native.ref();
    if (this.#live === 0) this.native.unref();
  }

  readonly #flush = (): void => {
    if (!this.#dirty) return;
    this.#dirty = false;
    this.native.flush();
  };
}
