import type { Clock } from "../clock.ts";

/** A bounded wait for a publisher. */
export class Patience {
  readonly #clock: Clock;
  /** Takes a place among all that wait; false when there is none. */
  readonly #enter: () => boolean;
  readonly #leave: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, enter: () => boolean, leave: () => void) {
    this.#clock = clock;
    this.#enter = enter;
    this.#leave = leave;
  }

  /** Calls `over` after `ms` unless stopped. False when no place is free; a wait that runs already goes on. */
  begin(ms: number, over: () => void): boolean {
    if (this.#cancel !== undefined) return true;
    if (!this.#enter()) return false;
    this.#cancel = this.#clock.timer(ms, () => {
      this.stop();
      over();
    });
    return true;
  }

  stop(): void {
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#leave();
  }
}
