import type { Clock } from "../../moq/clock.ts";
import type { Check, Finding } from "./contract.ts";

/** Part of the limit to which a delay is measured: it is the time between two beats. */
const PRECISION = 1 / 4;

/** Least and most milliseconds between two beats: each beat wakes up an idle process. */
const BEAT_MS = { least: 50, most: 250 } as const;

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
  readonly #limitMs: () => number;
  #beatMs = 0;
  #beatAt: number;
  #worstMs = 0;
  #lastMs = 0;
  #cancel = () => {};

  /** `limitMs`: the delay that matters, read at each beat. */
  constructor(clock: Clock, limitMs: () => number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
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
    return Math.max(0, this.#clock.now() - this.#beatAt - this.#beatMs);
  }

  #arm(): void {
    this.#beatMs = Math.min(Math.max(this.#limitMs() * PRECISION, BEAT_MS.least), BEAT_MS.most);
    this.#cancel = this.#clock.timer(this.#beatMs, this.#beat);
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
