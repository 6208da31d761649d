import type { Clock } from "../clock.ts";

/** Calls a function once, a fixed time after it was started, unless it is stopped. */
export class Delay {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #act: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, ms: number, act: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#act = act;
  }

  /** Does nothing while it runs. */
  start(): void {
    this.#cancel ??= this.#clock.timer(this.#ms, () => {
      this.#cancel = undefined;
      this.#act();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
