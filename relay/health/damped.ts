import type { Damping } from "./contract.ts";

/** The state of a check, which changes only after several results in a row. It reads no clock. */
export class Damped {
  readonly #damping: Damping;
  #failing: boolean | undefined;
  /** Results in a row that differ from the state. */
  #against = 0;

  constructor(damping: Damping) {
    this.#damping = damping;
  }

  /** Undefined before the first result. */
  get failing(): boolean | undefined {
    return this.#failing;
  }

  /** True while the last result differs from the state. */
  get wavering(): boolean {
    return this.#against > 0;
  }

  /** Adds a result. True when the state has changed; the first result always changes it. */
  add(bad: boolean): boolean {
    if (bad === this.#failing) {
      this.#against = 0;
      return false;
    }
    this.#against += 1;
    const needed = bad ? this.#damping.failures : this.#damping.successes;
    if (this.#failing !== undefined && this.#against < needed) return false;
    this.#failing = bad;
    this.#against = 0;
    return true;
  }
}
