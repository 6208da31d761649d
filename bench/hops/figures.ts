import { Histogram, type HistogramData } from "../load/histogram.ts";

/** The figures of the viewers at one tier. Latencies are milliseconds from the publisher's write to the whole frame at the viewer. */
export interface TierFigures {
  readonly tier: string;
  readonly viewers: number;
  readonly p50: number;
  readonly p99: number;
  /** Added to the tier before; absent for the first. */
  readonly added: { readonly p50: number; readonly p99: number } | undefined;
  readonly frames: number;
  readonly lost: number;
}

/** The report of one tier. */
export interface TierData {
  readonly tier: string;
  readonly viewers: number;
  readonly latencyUs: HistogramData;
  /** Different frames by viewer. */
  readonly received: readonly number[];
}

/** `due`: frames that were sent within the window. Tiers from the publisher on. */
export function tierFigures(tiers: readonly TierData[], due: number): TierFigures[] {
  const figures: TierFigures[] = [];
  for (const { tier, viewers, latencyUs, received } of tiers) {
    const histogram = new Histogram();
    histogram.add(latencyUs);
    const [p50, p99] = [histogram.percentile(0.5) / 1_000, histogram.percentile(0.99) / 1_000];
    const before = figures.at(-1);
    figures.push({
      tier,
      viewers,
      p50,
      p99,
      added: before && { p50: p50 - before.p50, p99: p99 - before.p99 },
      frames: received.reduce((sum, count) => sum + count, 0),
      lost: received.reduce((sum, count) => sum + Math.max(0, due - count), 0),
    });
  }
  return figures;
}

/** Bytes that a relay pulled from upstream within the window, divided by those that it sent to one viewer: 1 if it pulls once. */
export function upstreamRatio(bytesIn: number, bytesOut: number, viewers: number): number {
  return bytesOut === 0 ? 0 : (bytesIn * viewers) / bytesOut;
}
