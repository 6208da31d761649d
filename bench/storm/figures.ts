import { Histogram, type HistogramData } from "../load/histogram.ts";
import type { AudienceReport } from "../load/messages.ts";
import type { Stormed } from "./crowd/messages.ts";
import type { KindName } from "./kinds.ts";

/**
 * Most memory during a storm, as a multiple of what there is before it or with those who came, whichever is more; and after they have left, as a multiple
 * of that before.
 */
const RSS_TIMES = 1.5;

/** Most latency of the viewers who stay, as a multiple of that before; below the floor in milliseconds the machine decides. */
const LATENCY_TIMES = 2;
const LATENCY_FLOOR_MS = 20;

export interface StormFigures {
  readonly kind: KindName;
  readonly size: number;
  readonly watchers: number;
  /** How many have what they came for, of how many; and how long they waited for it, in milliseconds. */
  readonly done: number;
  readonly of: number;
  readonly waitMs: Percentiles;
  /** Refused attempts, and sessions that ended unexpectedly, by reason; of those who came and of those who stayed. */
  readonly refused: Readonly<Record<string, number>>;
  readonly lost: Readonly<Record<string, number>>;
  /** Latency of the viewers who stay. */
  readonly stay: { readonly before: Percentiles; readonly during: Percentiles; readonly framesLost: number };
  /** Resident memory of the relay: before the storm, at most, with all who came, and a while after they have left. */
  readonly rssMb: { readonly before: number; readonly peak: number; readonly with: number; readonly after: number };
  /** CPU of the relay from the beginning of the storm until all had what they came for. */
  readonly cpuS: number;
  /** Goals that were missed, each as a sentence. */
  readonly missed: readonly string[];
}

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export type Measured = Omit<StormFigures, "missed" | "waitMs" | "done" | "of" | "refused" | "lost">;

export function figuresOf(
  measured: Measured,
  stormed: Stormed,
  stayLost: Readonly<Record<string, number>>,
): StormFigures {
  const { done, of, waits, refused } = stormed;
  const figures = {
    ...measured,
    done,
    of,
    refused,
    lost: { ...stormed.lost, ...stayLost },
    waitMs: percentiles(waits),
  };
  return { ...figures, missed: missed(figures) };
}

export function percentiles(data: HistogramData): Percentiles {
  const histogram = new Histogram();
  histogram.add(data);
  const ms = (fraction: number) => histogram.percentile(fraction) / 1_000;
  return { p50: ms(0.5), p99: ms(0.99), max: histogram.max / 1_000 };
}

/** Frames that each viewer of an audience lacks of those that were due, together. */
export function framesLost({ tracks }: AudienceReport, due: number): number {
  return tracks.flatMap(({ received }) => received).reduce((sum, got) => sum + Math.max(0, due - got), 0);
}

function missed({ done, of, refused, lost, stay, rssMb }: Omit<StormFigures, "missed">): string[] {
  const { before, peak, with: withCrowd, after } = rssMb;
  const rest = Math.max(before, withCrowd);
  const most = LATENCY_TIMES * Math.max(stay.before.p99, LATENCY_FLOOR_MS / LATENCY_TIMES);
  return [
    ...(done < of ? [`${of - done} of ${of} did not get what they came for`] : []),
    ...counts("attempts were refused", refused),
    ...counts("sessions ended", lost),
    ...(peak > RSS_TIMES * rest ? [`memory rose to ${(peak / rest).toFixed(2)} times what it is at rest`] : []),
    ...(after > RSS_TIMES * before
      ? [`memory was ${(after / before).toFixed(2)} times that before the storm when all had left`]
      : []),
    ...(stay.during.p99 > most
      ? [`p99 of the viewers who stay rose from ${stay.before.p99.toFixed(1)} to ${stay.during.p99.toFixed(1)} ms`]
      : []),
    ...(stay.framesLost > 0 ? [`the viewers who stay lost ${stay.framesLost} frames`] : []),
  ];
}

function counts(what: string, reasons: Readonly<Record<string, number>>): string[] {
  return Object.entries(reasons).map(([reason, count]) => `${count} ${what} (${reason})`);
}
