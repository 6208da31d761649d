import type { Clock } from "../moq/clock.ts";

/**
 * Milliseconds that an epoch, or a relay's start, may be ahead of this relay's clock. Clocks of a mesh differ by minutes at most. A wrong
 * or forged time that is accepted does harm for an hour at most.
 */
export const MAX_AHEAD_MS = 60 * 60 * 1_000;

/** Milliseconds between two reports, so that a relay whose clock is wrong does not fill the log. */
const REPORT_INTERVAL_MS = 60_000;

export interface ClockBoundDeps {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Called for every refused time. */
  readonly refused: () => void;
  /** A time of `node` is `aheadMs` ahead. Called for some of the refused times. */
  readonly report: (node: string, aheadMs: number) => void;
}

/**
 * Refuses times of other relays that are far ahead of this relay's clock. The highest epoch of a broadcast wins, and the latest start of a
 * relay has its name, so a time far ahead would win for ever.
 */
export class ClockBound {
  readonly #deps: ClockBoundDeps;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: ClockBoundDeps) {
    this.#deps = deps;
  }

  /** False for a time, in milliseconds since 1970, that is too far ahead. `node`: the relay whose time it is; this one for a publisher at it. */
  accepts(time: bigint | number, node: string): boolean {
    const { clock, wallNow, refused, report } = this.#deps;
    const ahead = Number(time) - wallNow();
    if (ahead <= MAX_AHEAD_MS) return true;
    refused();
    if (clock.now() - this.#reportedAt >= REPORT_INTERVAL_MS) {
      this.#reportedAt = clock.now();
      report(node, ahead);
    }
    return false;
  }
}
