import type { Clock } from "../../moq/clock.ts";
import type { Check, Finding } from "./contract.ts";

/** Milliseconds between two beats: a delay is measured to this precision, for 20 timers a second. */
const BEAT_MS = 50;

/** Milliseconds between two readings. */
const READ_MS = 250;

/** Good readings in a row, 3 s, after which a loop that was blocked counts as free again. */
const FREE_READINGS = 12;

/**
 * How long the event loop was blocked lately: how late a timer fires. One sampler serves health and the shedding of load. It is not Node's
 * `monitorEventLoopDelay`, which measures nothing between a reset and its next beat and so misses a block that begins there.
 */
export class EventLoopDelay {
  readonly #clock: Clock;
  #beatAt: number;
  #worstMs = 0;
  #lastMs = 0;
  #cancel = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beatAt = clock.now();
    this.#arm();
  }

  /** The longest delay before the last reading, in milliseconds. */
  get worstMs(): number {
    return this.#lastMs;
  }

  /** The longest delay since the last reading, in milliseconds. Only the owner of the sampler calls it. */
  read(): number {
    // The beat that is due may come after this call.
    this.#lastMs = Math.max(this.#worstMs, this.#late());
    this.#worstMs = 0;
    return this.#lastMs;
  }

  close(): void {
    this.#cancel();
  }

  #late(): number {
    return Math.max(0, this.#clock.now() - this.#beatAt - BEAT_MS);
  }

  #arm(): void {
    this.#cancel = this.#clock.timer(BEAT_MS, this.#beat);
  }

  readonly #beat = (): void => {
    this.#worstMs = Math.max(this.#worstMs, this.#late());
    this.#beatAt = this.#clock.now();
    this.#arm();
  };
}

/** Fails when the event loop was blocked for `limitMs` or longer, and passes again after 3 s without that. */
export function eventLoopCheck(delay: Pick<EventLoopDelay, "read">, limitMs: () => number): Check {
  return {
    code: "event_loop_blocked",
    severity: "not_ready",
    damping: { failures: 1, successes: FREE_READINGS },
    everyMs: READ_MS,
    run(): Finding {
      const worst = Math.round(delay.read());
      if (worst < limitMs()) return undefined;
      return `the event loop was blocked for ${worst} ms, and ${limitMs()} ms is the limit: no session was served meanwhile`;
    },
  };
}
