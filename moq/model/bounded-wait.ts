import type { Clock } from "../clock.ts";

interface BoundedWaitHost {
  readonly clock: Clock;
  /** Counts one more that waits; false at the bound. */
  wait(): boolean;
  stopWaiting(): void;
}

/** A bounded wait for a publisher. */
export class BoundedWait {
  readonly #host: BoundedWaitHost;
  #cancel: (() => void) | undefined;

  constructor(host: BoundedWaitHost) {
    this.#host = host;
  }

  /** Calls `over` after `ms`, unless it is stopped. False at the bound. A wait that runs already goes on. */
  begin(ms: number, over: () => void): boolean {
    if (this.#cancel !== undefined) return true;
    if (!this.#host.wait()) return false;
    this.#cancel = this.#host.clock.timer(ms, () => {
      this.stop();
      over();
    });
    return true;
  }

  stop(): void {
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#host.stopWaiting();
  }
}
