import { parsePath } from "../../lab/path/index.ts";
import type { Measured } from "../fanout/fanout.ts";
import type { Figures, Ratio } from "../fanout/figures.ts";
import type { FanoutOptions } from "../options.ts";

const UNKNOWN = "?";

interface Row {
  readonly label: string;
  readonly cell: (figures: Figures) => string;
  /** Shown with a bad network only, or with an outage only. */
  readonly network?: true;
  readonly outage?: true;
  /** Shown only where sendmsg(2) alone was measured. */
  readonly sendmsg?: true;
  /** Shown only for scenarios with a cache of their own. */
  readonly channels?: true;
  readonly ratio?: (ratio: Ratio) => number | undefined;
}

const ROWS: readonly Row[] = [
  { label: "relay CPU, % of a core", cell: ({ cpuPercent }) => number(cpuPercent, 1) },
  { label: "its first thread, % of a core", cell: ({ mainThreadPercent }) => number(mainThreadPercent, 1) },
  {
    label: "relay CPU, s per Gbit delivered",
    cell: ({ cpuPercentPerGbps }) => number(cpuPercentPerGbps && cpuPercentPerGbps / 100, 3),
  },
  {
    label: "relay CPU, ms per 1000 frames",
    cell: ({ cpuUsPerFrame }) => number(cpuUsPerFrame, 2),
    ratio: ({ cpu }) => cpu,
  },
  { label: "sendmsg of a frame alone, us", cell: ({ sendmsgUs }) => number(sendmsgUs, 2), sendmsg: true },
  { label: "relay CPU per frame, times that", cell: ({ timesSendmsg }) => number(timesSendmsg, 2), sendmsg: true },
  { label: "delivered, Mbit/s", cell: ({ mbps }) => number(mbps, 1) },
  {
    label: "latency p50, ms",
    cell: ({ latencyMs }) => number(latencyMs.p50, 2),
    ratio: ({ latencyP50 }) => latencyP50,
  },
  { label: "latency p95, ms", cell: ({ latencyMs }) => number(latencyMs.p95, 2) },
  {
    label: "latency p99, ms",
    cell: ({ latencyMs }) => number(latencyMs.p99, 2),
    ratio: ({ latencyP99 }) => latencyP99,
  },
  { label: "latency max, ms", cell: ({ latencyMs }) => number(latencyMs.max, 2) },
  { label: "RSS before viewers, MiB", cell: ({ rssBeforeMb }) => number(rssBeforeMb, 1) },
  { label: "RSS with viewers, MiB", cell: ({ rssWithMb }) => number(rssWithMb, 1) },
  { label: "RSS per viewer, KiB", cell: ({ rssKbPerViewer }) => number(rssKbPerViewer, 0), ratio: ({ rss }) => rss },
  {
    label: "RSS per channel beyond the cache, MiB",
    cell: ({ rssMbPerChannel }) => number(rssMbPerChannel, 2),
    ratio: ({ rssChannel }) => rssChannel,
    channels: true,
  },
  { label: "frames delivered", cell: ({ framesDelivered }) => String(framesDelivered) },
  { label: "frames lost", cell: ({ framesLost }) => String(framesLost) },
  { label: "frames late by 0.5 s", cell: ({ network }) => number(network?.framesLate, 0), network: true },
  { label: "delivered, % of the possible", cell: ({ network }) => number(network?.deliveredPercent, 1), network: true },
  {
    label: "first frame after the outage, ms",
    cell: ({ network }) => number(network?.recoveryMs?.first, 0),
    outage: true,
  },
  { label: "its age, ms", cell: ({ network }) => number(network?.recoveryMs?.firstAge, 0), outage: true },
  { label: "at the live edge after, ms", cell: ({ network }) => number(network?.recoveryMs?.live, 0), outage: true },
  { label: "packets to viewers lost, %", cell: ({ network }) => number(network?.packetsLostPercent, 2), network: true },
  { label: "load CPU, % of its cores", cell: ({ loadCpuPercent }) => number(loadCpuPercent, 1) },
];

/** The result for a person. */
export function table(options: FanoutOptions, ours: Measured, theirs: Measured | undefined, ratio: Ratio | undefined) {
  const { scenario, viewers, seconds, rounds, paths } = options;
  const subjects = theirs === undefined ? [ours] : [ours, theirs];
  const header = ["", ...subjects.map(({ name }) => name), ...(ratio === undefined ? [] : ["ratio"])];
  const outage = [paths.viewers, paths.publisher].some(
    (spec) => spec !== undefined && parsePath(spec).outage !== undefined,
  );
  const bad = (paths.viewers ?? paths.publisher) !== undefined;
  const alone = subjects.some(({ figures }) => figures.sendmsgUs !== undefined);
  const shown = ROWS.filter(
    (row) =>
      (row.network !== true || bad) &&
      (row.outage !== true || outage) &&
      (row.sendmsg !== true || alone) &&
      (row.channels !== true || scenario.cacheBytes !== undefined),
  );
  const rows = shown.map((row) => [
    row.label,
    ...subjects.map(({ figures }) => row.cell(figures)),
    ...(ratio === undefined ? [] : [number(row.ratio?.(ratio), 2, "")]),
  ]);
  const median = rounds === 1 ? "" : `, medians of ${rounds} rounds (frames: sums)`;
  return [
    `fanout ${scenario.name}: ${viewers} viewers, ${scenario.summary}; ${seconds} s${median}`,
    ...Object.entries(paths).flatMap(([whose, spec]) => (spec === undefined ? [] : [`path to the ${whose}: ${spec}`])),
    ...subjects.map(
      ({ name, engine, loadEngine, protocol }) => `${name}: engine ${engine}, load over ${loadEngine}, ${protocol}`,
    ),
    "",
    ...align([header, ...rows]),
    ...trackLines(subjects),
    ...remarks(subjects),
  ].join("\n");
}

/** What each track of a scenario with several costs viewers. */
function trackLines(subjects: readonly Measured[]): string[] {
  const rows = subjects.flatMap(({ name, figures }) =>
    figures.tracks.map(({ track, latencyMs, framesDelivered, framesLost }) => [
      `${track} (${name})`,
      ...[latencyMs.p50, latencyMs.p95, latencyMs.p99, latencyMs.max].map((ms) => number(ms, 2)),
      String(framesDelivered),
      String(framesLost),
    ]),
  );
  if (rows.length === 0) return [];
  return ["", ...align([["track", "p50, ms", "p95, ms", "p99, ms", "max, ms", "delivered", "lost"], ...rows])];
}

function remarks(subjects: readonly Measured[]): string[] {
  const lines = subjects.flatMap(({ name, figures }) => [
    ...figures.voidReasons.map((reason) => `VOID (${name}): ${reason}`),
    ...figures.notes.map((note) => `note (${name}): ${note}`),
  ]);
  if (new Set(subjects.map(({ protocol }) => protocol)).size > 1)
    lines.push("note: the relays were measured with different protocols");
  return lines.length === 0 ? [] : ["", ...lines];
}

/** Aligns the first column left, the others right. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("   ")
      .trimEnd(),
  );
}

function number(value: number | undefined, digits: number, unknown = UNKNOWN): string {
  return value === undefined ? unknown : value.toFixed(digits);
}
