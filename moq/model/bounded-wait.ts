import type { Clock } from "../clock.ts";

interface PatienceHost {
  readonly clock: Clock;
  /** Takes a place among all that wait; false when there is none. */
  wait(): boolean;
  stopWaiting(): void;
}

/** A bounded wait for a publisher. */
export class BoundedWait {
  readonly #host: PatienceHost;
  #cancel: (() => void) | undefined;

  constructor(host: PatienceHost) {
    this.#host = host;
  }

  /** Calls `over` after `ms` unless stopped. False when no place is free; a wait that runs already goes on. */
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
