import { capacityBytes, parsePath } from "../../lab/path/index.ts";
import { Histogram } from "../load/histogram.ts";
import type { TrackReport } from "../load/messages.ts";
import { type NetworkFigures, networkFigures, type Received } from "../path/figures.ts";

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
  /** CPU of the relay of this tier, in percent of a core. */
  readonly cpuPercent: number;
  /** Absent without a bad network between the relays. */
  readonly network: NetworkFigures | undefined;
}

/** The report of one tier. */
export interface TierData {
  readonly tier: string;
  readonly viewers: number;
  readonly report: TrackReport;
  readonly cpuPercent: number;
  /** Packets of the link from the tier before, where that has a path. */
  readonly packets: Received["packets"];
}

/** The frames of a window. */
export interface Sent {
  /** Frames that were sent within the window, and their size. */
  readonly due: number;
  readonly frameBytes: number;
  readonly seconds: number;
  /** The network of each link between relays. */
  readonly path: string | undefined;
}

/** Tiers from the publisher on. */
export function tierFigures(tiers: readonly TierData[], sent: Sent): TierFigures[] {
  const figures: TierFigures[] = [];
  for (const { tier, viewers, report, cpuPercent, packets } of tiers) {
    const { received } = report;
    const histogram = new Histogram();
    histogram.add(report.latencyUs);
    const [p50, p99] = [histogram.percentile(0.5) / 1_000, histogram.percentile(0.99) / 1_000];
    const before = figures.at(-1);
    figures.push({
      tier,
      viewers,
      p50,
      p99,
      added: before && { p50: p50 - before.p50, p99: p99 - before.p99 },
      frames: received.reduce((sum, count) => sum + count, 0),
      lost: received.reduce((sum, count) => sum + Math.max(0, sent.due - count), 0),
      cpuPercent,
      network: networkOf(report, histogram, sent, before === undefined ? "publisher" : packets),
    });
  }
  return figures;
}

/** Viewers at the publisher's own relay have no bad network before them. */
function networkOf(
  report: TrackReport,
  latency: Histogram,
  { due, frameBytes, seconds, path }: Sent,
  packets: Received["packets"] | "publisher",
): NetworkFigures | undefined {
  if (path === undefined) return undefined;
  const spec = parsePath(path);
  const direct = packets === "publisher";
  // A link carries a track once, for all viewers.
  const carried = direct ? Number.POSITIVE_INFINITY : capacityBytes(spec, seconds);
  return networkFigures({
    reports: [report],
    latency,
    possibleBytes: report.received.length * Math.min(due * frameBytes, carried),
    outage: !direct && spec.outage !== undefined,
    packets: direct ? undefined : packets,
  });
}

/** Bytes that a relay pulled from upstream within the window, divided by those that it sent to one viewer: 1 if it pulls once. */
export function upstreamRatio(bytesIn: number, bytesOut: number, viewers: number): number {
  return bytesOut === 0 ? 0 : (bytesIn * viewers) / bytesOut;
}
