import type { Seen } from "../broadcasting.ts";

/** A gap that a loaded machine shows at times between two frames that are 33 ms apart, in milliseconds. */
export const USUAL_GAP_MS = 250;

/** The same where nothing at all may be seen: a few frames. */
export const SEAMLESS_GAP_MS = 100;

/** The result of a drill. */
export interface DrillReport {
  readonly drill: string;
  readonly ok: boolean;
  /** Why the drill failed; empty when it passed. */
  readonly wrong: readonly string[];
  readonly viewers: number;
  /** Of each viewer's longest gap. */
  readonly worst_gap_ms: number;
  readonly median_gap_ms: number;
  /** Missing or incomplete groups, summed over the viewers. */
  readonly groups_lost: number;
  /** Groups that were published during the drill. */
  readonly groups: number;
  readonly upstream_subscriptions_per_track: number;
  /** Sums over all viewers: GOAWAYs followed, sessions lost, subscriptions lost. */
  readonly moved: number;
  readonly reconnected: number;
  readonly subscriptionsLost: number;
  /** Viewers that received nothing, or nothing at the end. */
  readonly stalled: number;
  /** Longest gap in the seconds before the failure. */
  readonly usual_gap_ms: number;
  readonly seconds: number;
  /** Of a drill in steps. */
  readonly steps?: readonly StepFigures[];
  readonly engine: string;
  readonly load_engine: string;
  readonly figures: Readonly<Record<string, number | string>>;
}

/** What viewers saw during one step of a drill. */
export interface StepFigures {
  readonly step: string;
  /** Seconds from the first step to the begin of this one, and its duration. */
  readonly at: number;
  readonly seconds: number;
  readonly worst_gap_ms: number;
  /** 99 % of the frames took at most so long from the publisher to their viewer. */
  readonly p99_ms: number;
  readonly groups_lost: number;
  readonly moved: number;
  readonly reconnected: number;
}

/** Longest silence before the report that does not count as stalled, in milliseconds. */
const STALLED_MS = 2_000;

export interface GapFigures {
  readonly worst: number;
  readonly median: number;
  readonly lost: number;
  readonly stalled: number;
  readonly moved: number;
  readonly reconnected: number;
  readonly subscriptionsLost: number;
}

/** `nowUs`: the time of the report. */
export function gapFigures({ viewers }: Pick<Seen, "viewers">, nowUs: number): GapFigures {
  const gaps = viewers.map(({ gapUs }) => gapUs / 1_000).sort((a, b) => a - b);
  const total = (of: (viewer: Seen["viewers"][number]) => number) => viewers.reduce((sum, one) => sum + of(one), 0);
  return {
    worst: tenth(gaps.at(-1) ?? 0),
    median: tenth(median(gaps)),
    lost: total(({ lost }) => lost.length),
    // A long gap that lasts until now.
    stalled: total(({ frames, gapFromUs, gapUs }) =>
      Number(frames === 0 || (gapUs > STALLED_MS * 1_000 && nowUs - (gapFromUs + gapUs) < STALLED_MS * 500)),
    ),
    moved: total(({ moved }) => moved),
    reconnected: total(({ reconnected }) => reconnected),
    subscriptionsLost: total(({ subscriptionsLost }) => subscriptionsLost),
  };
}

function median(sorted: readonly number[]): number {
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[sorted.length / 2 - 1] ?? upper) + upper) / 2;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
