import { align } from "../report/table.ts";
import type { Hops } from "./hops.ts";
import type { HopsOptions } from "./options.ts";

/** The result for a program: one JSON object. Latencies in milliseconds. */
export function hopsJson(options: HopsOptions, { engine, loadEngine, protocol, tiers, upstream }: Hops) {
  return {
    viewers: options.viewers,
    fps: options.framesPerSecond,
    frame_bytes: options.frameBytes,
    seconds: options.seconds,
    engine,
    load_engine: loadEngine,
    protocol,
    tiers: tiers.map(({ tier, viewers, p50, p99, added, frames, lost }) => ({
      tier,
      viewers,
      latency_ms: { p50: thousandth(p50), p99: thousandth(p99) },
      added_ms: added === undefined ? null : { p50: thousandth(added.p50), p99: thousandth(added.p99) },
      frames_delivered: frames,
      frames_lost: lost,
    })),
    edge_upstream: {
      viewers: upstream.viewers,
      bytes: upstream.bytes,
      of_one_viewer: thousandth(upstream.ratio),
    },
  };
}

/** The result for a person. */
export function hopsText(options: HopsOptions, { engine, loadEngine, protocol, tiers, upstream }: Hops): string {
  const number = (value: number | undefined) => (value === undefined ? "" : value.toFixed(2));
  const header = ["viewers at", "viewers", "p50, ms", "p99, ms", "p50 added", "p99 added", "frames", "lost"];
  const rows = tiers.map(({ tier, viewers, p50, p99, added, frames, lost }) => [
    tier,
    String(viewers),
    number(p50),
    number(p99),
    number(added?.p50),
    number(added?.p99),
    String(frames),
    String(lost),
  ]);
  const { viewers, framesPerSecond, frameBytes, seconds } = options;
  return [
    `mesh: ${viewers} viewers, ${framesPerSecond} fps of ${frameBytes} B; ${seconds} s`,
    `relays over ${engine}, clients over ${loadEngine} in ${protocol}`,
    "",
    ...align([header, ...rows]),
    "",
    `The edge pulled ${(upstream.bytes / 1_000).toFixed(0)} kB from upstream for ${upstream.viewers} viewers: ${upstream.ratio.toFixed(3)} times the bytes of one viewer.`,
  ].join("\n");
}

function thousandth(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
