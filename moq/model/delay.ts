import type { Clock } from "../clock.ts";

/** Something that is done once, some time after it was first asked for, unless it is stopped. */
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

  /** Where it runs already, it goes on. */
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
