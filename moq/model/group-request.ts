import type { Clock } from "../clock.ts";
import { UPDATE_INTERVAL_MS } from "./upstream-options.ts";

/** What a publisher was asked for, and the newest group that was known then. */
interface Outstanding {
  readonly above: number;
  readonly newest: number;
}

/**
 * The viewers' wish for a new group, so that they need not wait for the next one (moq-transport NEW_GROUP_REQUEST). A publisher is asked once,
 * however many viewers ask, and again for a higher number at the rate of its updates. A wish is fulfilled when the newest group is another one.
 */
export class GroupRequest {
  readonly #clock: Clock;
  /** Asks the publisher for what is {@link pending}. */
  readonly #ask: () => void;
  #outstanding: Outstanding | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, ask: () => void) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /**
   * A viewer wishes for a group from the number `above` on, or for any new one where that is 0. `newest` is the newest group, -1 without one. Both
   * are numbers of the publisher. Nothing is asked where there is such a group, or where the publisher has been asked for one.
   */
  begin(above: number, newest: number): void {
    if (above !== 0 && above <= newest) return;
    const asked = this.pending(newest);
    if (asked !== undefined && asked >= above) return;
    this.#outstanding = { above, newest };
    if (this.#cancel !== undefined) return;
    const wait = this.#askedAt + UPDATE_INTERVAL_MS - this.#clock.now();
    if (wait <= 0) this.#askNow();
    else this.#cancel = this.#clock.timer(wait, () => this.#askNow());
  }

  /** The subscription is over. */
  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #askNow(): void {
    this.#cancel = undefined;
    this.#askedAt = this.#clock.now();
    this.#ask();
  }

  /** What a publisher is asked for when it is subscribed to. */
  pending(newest: number): number | undefined {
    const asked = this.#outstanding;
    return asked !== undefined && newest <= asked.newest ? asked.above : undefined;
  }
}
