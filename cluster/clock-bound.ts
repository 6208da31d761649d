import type { Clock } from "../moq/clock.ts";

/**
 * Milliseconds that an epoch, or a relay's start, may be ahead of this relay's clock. Clocks of a mesh differ by minutes at most; an hour is room
 * for that, and what is believed by mistake, or by malice, is in the past after it.
 */
export const MAX_AHEAD_MS = 60 * 60 * 1_000;

/** Milliseconds between two reports, so that a relay whose clock is wrong does not fill the log. */
const REPORT_INTERVAL_MS = 60_000;

export interface ClockBoundDeps {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Called for each time that is refused. */
  readonly refused: () => void;
  /** What `node` says is that many milliseconds ahead; called for some of those that are refused. */
  readonly report: (node: string, aheadMs: number) => void;
}

/**
 * Refuses times that other relays tell and that are far ahead of this relay's clock. The highest epoch of a broadcast wins and the latest
 * start of a relay holds its name, so one that is far ahead would win for ever.
 */
export class ClockBound {
  readonly #deps: ClockBoundDeps;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: ClockBoundDeps) {
    this.#deps = deps;
  }

  /** False for a time, in milliseconds since 1970, that is too far ahead. `node`: the relay that it is of. */
  takes(time: bigint | number, node: string): boolean {
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
