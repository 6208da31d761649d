import type { Native } from "./addon.ts";

/** The native engine, shared by all links, and the turn at whose end their calls take effect. */
export class Port {
  readonly native: Native;
  /** How many links have ended. When it changes, fan-outs remove streams of ended links. */
  endings = 0;
  #live = 0;
  #dirty = false;
  #dispatching = false;

  constructor(native: Native) {
    this.native = native;
  }

  /** The engine got a call in this turn: flushes it at the end of the turn. */
  touch(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    if (!this.#dispatching) queueMicrotask(this.#flush);
  }

  /** Handlers run from now on: their calls are flushed together at {@link dispatched}. */
  dispatching(): void {
    this.#dispatching = true;
  }

  dispatched(): void {
    this.#dispatching = false;
    this.#flush();
  }

  /** Counts listeners, links and dials. While there are any, the process stays alive. */
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
