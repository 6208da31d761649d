import { capacityBytes, parsePath } from "../../lab/path/index.ts";
import { Histogram } from "../load/histogram.ts";
import type { TrackReport } from "../load/messages.ts";
import type { FanoutOptions } from "../options.ts";
import { type NetworkFigures, networkFigures, type Recovery } from "../path/figures.ts";
import type { RoundData } from "./round.ts";

/** Percent of its cores that the load may use; above this the load was the bottleneck, not the relay. */
export const LOAD_LIMIT_PERCENT = 80;

/** Percent of a core that other programs may use without a note. */
const OTHER_NOTE_PERCENT = 5;

/** The figures of a round, or medians of several. Figures of an unknown process are absent. */
export interface Figures {
  readonly cpuPercent: number | undefined;
  /** CPU of the relay's first thread, which runs JavaScript if the relay has any. */
  readonly mainThreadPercent: number | undefined;
  /** CPU of the relay for each frame that reached a viewer. */
  readonly cpuUsPerFrame: number | undefined;
  /** CPU that sending one frame by sendmsg(2) alone takes on the same cores, and the relay's for each frame divided by it. */
  readonly sendmsgUs: number | undefined;
  readonly timesSendmsg: number | undefined;
  /** CPU of the relay, in percent of one core, for each Gbit/s of payload that reached viewers. */
  readonly cpuPercentPerGbps: number | undefined;
  readonly mbps: number;
  /** Of all tracks together. */
  readonly latencyMs: Latency;
  /** Absent for scenarios of one track. */
  readonly tracks: readonly TrackFigures[];
  readonly rssBeforeMb: number | undefined;
  readonly rssWithMb: number | undefined;
  readonly rssKbPerViewer: number | undefined;
  /** Beyond its part of the cache; absent for scenarios that leave the cache to the relay. */
  readonly rssMbPerChannel: number | undefined;
  readonly framesDelivered: number;
  readonly framesLost: number;
  readonly duplicates: number;
  /** Absent without a bad network. */
  readonly network: NetworkFigures | undefined;
  readonly loadCpuPercent: number;
  /** CPU of other programs on the cores of relay and load, in percent of one core; absent when unknown. */
  readonly otherCpuPercent: { readonly relay: number | undefined; readonly load: number | undefined };
  /** Why the figures are void; empty when they are valid. */
  readonly voidReasons: readonly string[];
  readonly notes: readonly string[];
}

/** The figures of one track of a scenario with several. */
export interface TrackFigures {
  readonly track: string;
  readonly latencyMs: Latency;
  readonly framesDelivered: number;
  readonly framesLost: number;
}

export interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The figures of one round. `broadcastOf` returns the number of the broadcast that a viewer watches. */
export function figuresOf(
  data: RoundData,
  loadCores: number,
  broadcastOf: (viewer: number) => number,
  options: Pick<FanoutOptions, "paths" | "seconds" | "scenario">,
): Figures {
  const { audiences, elapsedUs, relayCpuUs, rssKb } = data;
  const sum = (pick: (track: TrackReport) => number) =>
    audiences.flatMap(({ tracks }) => tracks).reduce((total, track) => total + pick(track), 0);
  const tracks = data.latencies.map((latency, index) => {
    const [received, due] = [receivedOf(data, index), dueOf(data, index, broadcastOf)];
    return {
      track: options.scenario.tracks[index]?.track ?? "",
      latencyMs: latencyOf(latency),
      framesDelivered: received.reduce((total, got) => total + got, 0),
      framesLost: received.reduce((total, got, viewer) => total + Math.max(0, (due[viewer] ?? 0) - got), 0),
    };
  });
  const latency = new Histogram();
  for (const one of data.latencies) latency.add(one.data());
  const arrived = sum(({ arrivedFrames }) => arrivedFrames);
  const mbps = (sum(({ arrivedBytes }) => arrivedBytes) * 8) / elapsedUs;
  const percent = (us: number | undefined) => (us === undefined ? undefined : (100 * us) / elapsedUs);
  const cpuPercent = percent(relayCpuUs);
  const cpuUsPerFrame = relayCpuUs === undefined || arrived === 0 ? undefined : relayCpuUs / arrived;
  const loadCpuPercent = (100 * data.loadCpuUs) / elapsedUs / loadCores;
  const figures = {
    cpuPercent,
    mainThreadPercent: percent(data.mainThreadUs),
    cpuUsPerFrame,
    sendmsgUs: data.sendmsgUs,
    timesSendmsg: quotient(cpuUsPerFrame, data.sendmsgUs),
    cpuPercentPerGbps: cpuPercent === undefined || mbps === 0 ? undefined : (1_000 * cpuPercent) / mbps,
    mbps,
    latencyMs: latencyOf(latency),
    tracks: tracks.length === 1 ? [] : tracks,
    rssBeforeMb: rssKb === undefined ? undefined : rssKb.before / 1_024,
    rssWithMb: rssKb === undefined ? undefined : rssKb.with / 1_024,
    rssKbPerViewer: rssKb === undefined ? undefined : (rssKb.with - rssKb.before) / receivedOf(data, 0).length,
    rssMbPerChannel: perChannel(data, options.scenario.cacheBytes),
    framesDelivered: tracks.reduce((total, { framesDelivered }) => total + framesDelivered, 0),
    framesLost: tracks.reduce((total, { framesLost }) => total + framesLost, 0),
    duplicates: sum(({ duplicates }) => duplicates),
    network: networkOf(data, latency, broadcastOf, options),
    loadCpuPercent,
    otherCpuPercent: { relay: percent(data.otherCpuUs?.relay), load: percent(data.otherCpuUs?.load) },
  };
  return { ...figures, voidReasons: voidReasons(data, loadCpuPercent), notes: notesOf(data) };
}

function latencyOf(latency: Histogram): Latency {
  const ms = (fraction: number) => latency.percentile(fraction) / 1_000;
  return { p50: ms(0.5), p95: ms(0.95), p99: ms(0.99), max: latency.max / 1_000 };
}

/** Frames that each viewer received of a track, and those that were due for it. */
function receivedOf({ audiences }: RoundData, track: number): number[] {
  return audiences.flatMap(({ tracks }) => tracks[track]?.received ?? []);
}

function dueOf(data: RoundData, track: number, broadcastOf: (viewer: number) => number): number[] {
  return receivedOf(data, track).map((_, viewer) => data.publisher.due[track]?.[broadcastOf(viewer)] ?? 0);
}

function networkOf(
  data: RoundData,
  latency: Histogram,
  broadcastOf: (viewer: number) => number,
  { paths, seconds, scenario }: Pick<FanoutOptions, "paths" | "seconds" | "scenario">,
): NetworkFigures | undefined {
  const specs = [paths.viewers, paths.publisher].filter((spec) => spec !== undefined).map(parsePath);
  if (specs.length === 0) return undefined;
  const sent = scenario.tracks.reduce(
    (sum, { frameBytes }, track) => sum + frameBytes * dueOf(data, track, broadcastOf).reduce((a, b) => a + b, 0),
    0,
  );
  const capacity =
    paths.viewers === undefined ? Number.POSITIVE_INFINITY : capacityBytes(parsePath(paths.viewers), seconds);
  return networkFigures({
    reports: data.audiences.flatMap(({ tracks }) => tracks),
    latency,
    possibleBytes: Math.min(sent, capacity),
    outage: specs.some(({ outage }) => outage !== undefined),
    packets: data.path?.down,
  });
}

function voidReasons({ publisher }: RoundData, loadCpuPercent: number): string[] {
  const reasons: string[] = [];
  if (loadCpuPercent > LOAD_LIMIT_PERCENT) {
    reasons.push(`the load used ${loadCpuPercent.toFixed(0)} % of its cores, more than ${LOAD_LIMIT_PERCENT} %`);
  }
  if (publisher.due.flat().every((due) => due === 0)) reasons.push("no frame was due within the window");
  return reasons;
}

function notesOf({ publisher, audiences }: RoundData): string[] {
  const notes: string[] = [];
  if (publisher.skipped > 0) notes.push(`the relay did not accept ${publisher.skipped} frames of the publisher`);
  for (const { lostSessions } of audiences) notes.push(...lostNotes("viewers", lostSessions));
  notes.push(...lostNotes("sessions of the publisher", publisher.lostSessions));
  return notes;
}

function otherNotes(other: Figures["otherCpuPercent"]): string[] {
  return Object.entries(other).flatMap(([whose, percent]) =>
    percent === undefined || percent <= OTHER_NOTE_PERCENT
      ? []
      : [
          `other programs used up to ${percent.toFixed(0)} % of a core on the ${whose}'s cores; so latencies are not reliable`,
        ],
  );
}

function lostNotes(whose: string, lost: Readonly<Record<string, number>>): string[] {
  return Object.entries(lost).map(([why, count]) => `${count} ${whose} were disconnected (${why})`);
}

/**
 * Medians over rounds, except: frames are summed, other programs' CPU is the maximum, and one void round makes the result void.
 */
export function summarise(rounds: readonly Figures[]): Figures {
  const middle = (pick: (figures: Figures) => number) => median(rounds.map(pick)) ?? 0;
  const known = (pick: (figures: Figures) => number | undefined) =>
    median(rounds.map(pick).filter((value) => value !== undefined));
  const total = (pick: (figures: Figures) => number) => rounds.reduce((sum, figures) => sum + pick(figures), 0);
  const most = (pick: (figures: Figures) => number | undefined) => {
    const values = rounds.map(pick).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : Math.max(...values);
  };
  const otherCpuPercent = {
    relay: most((figures) => figures.otherCpuPercent.relay),
    load: most((figures) => figures.otherCpuPercent.load),
  };
  return {
    cpuPercent: known((figures) => figures.cpuPercent),
    mainThreadPercent: known((figures) => figures.mainThreadPercent),
    cpuUsPerFrame: known((figures) => figures.cpuUsPerFrame),
    sendmsgUs: known((figures) => figures.sendmsgUs),
    timesSendmsg: known((figures) => figures.timesSendmsg),
    cpuPercentPerGbps: known((figures) => figures.cpuPercentPerGbps),
    mbps: middle((figures) => figures.mbps),
    latencyMs: {
      p50: middle((figures) => figures.latencyMs.p50),
      p95: middle((figures) => figures.latencyMs.p95),
      p99: middle((figures) => figures.latencyMs.p99),
      max: middle((figures) => figures.latencyMs.max),
    },
    tracks: summariseTracks(rounds),
    rssBeforeMb: known((figures) => figures.rssBeforeMb),
    rssWithMb: known((figures) => figures.rssWithMb),
    rssKbPerViewer: known((figures) => figures.rssKbPerViewer),
    rssMbPerChannel: known((figures) => figures.rssMbPerChannel),
    framesDelivered: total((figures) => figures.framesDelivered),
    framesLost: total((figures) => figures.framesLost),
    duplicates: total((figures) => figures.duplicates),
    network: summariseNetwork(rounds.map(({ network }) => network).filter((network) => network !== undefined)),
    loadCpuPercent: middle((figures) => figures.loadCpuPercent),
    otherCpuPercent,
    voidReasons: [...new Set(rounds.flatMap((figures) => figures.voidReasons))],
    notes: [...new Set(rounds.flatMap((figures) => figures.notes)), ...otherNotes(otherCpuPercent)],
  };
}

/** MiB of each broadcast, of which each has one viewer, beyond its part of the cache. */
function perChannel(data: RoundData, cacheBytes: number | undefined): number | undefined {
  const { rssKb } = data;
  if (rssKb === undefined || cacheBytes === undefined) return undefined;
  return (rssKb.with - rssKb.before) / 1_024 / receivedOf(data, 0).length - cacheBytes / 1_024 / 1_024;
}

function summariseTracks(rounds: readonly Figures[]): TrackFigures[] {
  return (rounds[0]?.tracks ?? []).map(({ track }, index) => {
    const each = rounds.map(({ tracks }) => tracks[index]).filter((one) => one !== undefined);
    const middle = (pick: (latency: Latency) => number) => median(each.map((one) => pick(one.latencyMs))) ?? 0;
    const sum = (pick: (one: TrackFigures) => number) => each.reduce((total, one) => total + pick(one), 0);
    return {
      track,
      latencyMs: {
        p50: middle(({ p50 }) => p50),
        p95: middle(({ p95 }) => p95),
        p99: middle(({ p99 }) => p99),
        max: middle(({ max }) => max),
      },
      framesDelivered: sum(({ framesDelivered }) => framesDelivered),
      framesLost: sum(({ framesLost }) => framesLost),
    };
  });
}

/** Late frames are summed, the others are medians; one round without recovery makes the result have none. */
function summariseNetwork(rounds: readonly NetworkFigures[]): NetworkFigures | undefined {
  if (rounds.length === 0) return undefined;
  const middle = (pick: (network: NetworkFigures) => number) => median(rounds.map(pick)) ?? 0;
  const recoveries = rounds.map(({ recoveryMs }) => recoveryMs).filter((recovery) => recovery !== undefined);
  const middleOf = (pick: (recovery: Recovery) => number) => median(recoveries.map(pick)) ?? 0;
  return {
    framesLate: rounds.reduce((sum, { framesLate }) => sum + framesLate, 0),
    deliveredPercent: middle(({ deliveredPercent }) => deliveredPercent),
    recoveryMs:
      recoveries.length < rounds.length
        ? undefined
        : {
            first: middleOf(({ first }) => first),
            firstAge: middleOf(({ firstAge }) => firstAge),
            live: middleOf(({ live }) => live),
          },
    packetsLostPercent: middle(({ packetsLostPercent }) => packetsLostPercent),
  };
}

/** The middle value, or the mean of the two middle ones; undefined for no values. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}

/** Our figure divided by theirs: below 1, ours uses less. Absent where a figure is absent. */
export interface Ratio {
  readonly cpu: number | undefined;
  readonly latencyP50: number | undefined;
  readonly latencyP99: number | undefined;
  readonly rss: number | undefined;
  readonly rssChannel: number | undefined;
}

export function ratioOf(ours: Figures, theirs: Figures): Ratio {
  return {
    cpu: quotient(ours.cpuUsPerFrame, theirs.cpuUsPerFrame),
    latencyP50: quotient(ours.latencyMs.p50, theirs.latencyMs.p50),
    latencyP99: quotient(ours.latencyMs.p99, theirs.latencyMs.p99),
    rss: quotient(ours.rssKbPerViewer, theirs.rssKbPerViewer),
    rssChannel: quotient(ours.rssMbPerChannel, theirs.rssMbPerChannel),
  };
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  // Memory may shrink while viewers connect; a ratio of that would be meaningless.
  return a === undefined || b === undefined || a <= 0 || b <= 0 ? undefined : a / b;
}
