import { networkJson } from "../report/json.ts";
import { align } from "../report/table.ts";
import type { Hops } from "./hops.ts";
import type { HopsOptions } from "./options.ts";

/** The result for a program: one JSON object. Latencies in milliseconds. */
export function hopsJson(options: HopsOptions, { engine, loadEngine, protocol, tiers, upstream, failovers }: Hops) {
  return {
    viewers: options.viewers,
    fps: options.framesPerSecond,
    frame_bytes: options.frameBytes,
    seconds: options.seconds,
    path: options.path ?? null,
    engine,
    load_engine: loadEngine,
    protocol,
    tiers: tiers.map(({ tier, viewers, p50, p99, added, frames, lost, cpuPercent, network }) => ({
      tier,
      viewers,
      latency_ms: { p50: thousandth(p50), p99: thousandth(p99) },
      added_ms: added === undefined ? null : { p50: thousandth(added.p50), p99: thousandth(added.p99) },
      frames_delivered: frames,
      frames_lost: lost,
      ...networkJson(network),
      cpu_percent: thousandth(cpuPercent),
    })),
    edge_upstream: {
      viewers: upstream.viewers,
      bytes: upstream.bytes,
      of_one_viewer: thousandth(upstream.ratio),
    },
    failovers,
  };
}

/** The result for a person. */
export function hopsText(
  options: HopsOptions,
  { engine, loadEngine, protocol, tiers, upstream, failovers }: Hops,
): string {
  const number = (value: number | undefined) => (value === undefined ? "" : value.toFixed(2));
  const header = [
    "viewers at",
    "viewers",
    "p50, ms",
    "p99, ms",
    "p50 added",
    "p99 added",
    "frames",
    "lost",
    "relay CPU, %",
  ];
  const rows = tiers.map(({ tier, viewers, p50, p99, added, frames, lost, cpuPercent }) => [
    tier,
    String(viewers),
    number(p50),
    number(p99),
    number(added?.p50),
    number(added?.p99),
    String(frames),
    String(lost),
    cpuPercent.toFixed(1),
  ]);
  const { viewers, framesPerSecond, frameBytes, seconds } = options;
  return [
    `mesh: ${viewers} viewers, ${framesPerSecond} fps of ${frameBytes} B; ${seconds} s`,
    `relays over ${engine}, clients over ${loadEngine} in ${protocol}`,
    ...(options.path === undefined ? [] : [`each link between relays: ${options.path}`]),
    "",
    ...align([header, ...rows]),
    "",
    ...(options.path === undefined ? [] : [...align(networkRows(tiers)), "", failoversText(failovers), ""]),
    `The edge pulled ${(upstream.bytes / 1_000).toFixed(0)} kB from upstream for ${upstream.viewers} viewers: ${upstream.ratio.toFixed(3)} times the bytes of one viewer.`,
  ].join("\n");
}

function networkRows(tiers: Hops["tiers"]): string[][] {
  const header = [
    "viewers at",
    "late by 0.5 s",
    "delivered, %",
    "packets lost, %",
    "first after outage, ms",
    "its age, ms",
  ];
  const whole = (value: number | undefined) => (value === undefined ? "" : value.toFixed(0));
  const rows = tiers.map(({ tier, network }) => [
    tier,
    whole(network?.framesLate),
    network?.deliveredPercent.toFixed(1) ?? "",
    network?.packetsLostPercent.toFixed(2) ?? "",
    whole(network?.recoveryMs?.first),
    whole(network?.recoveryMs?.firstAge),
  ]);
  return [header, ...rows];
}

function failoversText(failovers: number): string {
  return `Relays took the relay of a track for lost ${failovers} times.`;
}

function thousandth(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
