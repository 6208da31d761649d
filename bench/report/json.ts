import type { Measured } from "../fanout/fanout.ts";
import type { Ratio } from "../fanout/figures.ts";
import type { FanoutOptions } from "../options.ts";
import type { NetworkFigures } from "../path/figures.ts";

/** The result for a program: one JSON object. Unknown values are null. */
export function jsonReport(
  options: FanoutOptions,
  ours: Measured,
  theirs: Measured | undefined,
  ratio: Ratio | undefined,
): Readonly<Record<string, unknown>> {
  const { scenario, viewers, seconds, warmup, rounds, paths } = options;
  return {
    scenario: scenario.name,
    viewers,
    seconds,
    warmup,
    rounds,
    path: paths.viewers ?? null,
    publisher_path: paths.publisher ?? null,
    ...figuresJson(ours),
    ratio:
      ratio === undefined
        ? null
        : {
            cpu: rounded(ratio.cpu),
            latency_p50: rounded(ratio.latencyP50),
            latency_p99: rounded(ratio.latencyP99),
            rss: rounded(ratio.rss),
            ...(ratio.rssChannel !== undefined && { rss_channel: rounded(ratio.rssChannel) }),
          },
    against: theirs === undefined ? null : figuresJson(theirs),
  };
}

function figuresJson({ name, engine, loadEngine, protocol, figures }: Measured): Record<string, unknown> {
  const { latencyMs } = figures;
  return {
    relay: name,
    engine,
    load_engine: loadEngine,
    protocol,
    cpu_percent: rounded(figures.cpuPercent),
    main_thread_percent: rounded(figures.mainThreadPercent),
    cpu_us_per_frame: rounded(figures.cpuUsPerFrame),
    sendmsg_us: rounded(figures.sendmsgUs),
    times_sendmsg: rounded(figures.timesSendmsg),
    cpu_percent_per_gbps: rounded(figures.cpuPercentPerGbps),
    mbps: rounded(figures.mbps),
    latency_ms: {
      p50: rounded(latencyMs.p50),
      p95: rounded(latencyMs.p95),
      p99: rounded(latencyMs.p99),
      max: rounded(latencyMs.max),
    },
    tracks: figures.tracks.map(({ track, latencyMs: of, framesDelivered, framesLost }) => ({
      track,
      latency_ms: { p50: rounded(of.p50), p95: rounded(of.p95), p99: rounded(of.p99), max: rounded(of.max) },
      frames_delivered: framesDelivered,
      frames_lost: framesLost,
    })),
    rss_mb: { before: rounded(figures.rssBeforeMb), with: rounded(figures.rssWithMb) },
    rss_kb_per_viewer: rounded(figures.rssKbPerViewer),
    ...(figures.rssMbPerChannel !== undefined && { rss_mb_per_channel: rounded(figures.rssMbPerChannel) }),
    frames_delivered: figures.framesDelivered,
    frames_lost: figures.framesLost,
    frames_duplicate: figures.duplicates,
    ...networkJson(figures.network),
    load_cpu_percent: rounded(figures.loadCpuPercent),
    other_cpu_percent: { relay: rounded(figures.otherCpuPercent.relay), load: rounded(figures.otherCpuPercent.load) },
    void: figures.voidReasons.length > 0,
    void_reasons: figures.voidReasons,
    notes: figures.notes,
  };
}

/** Empty without a bad network. */
export function networkJson(network: NetworkFigures | undefined): Record<string, unknown> {
  if (network === undefined) return {};
  const { framesLate, deliveredPercent, recoveryMs, packetsLostPercent } = network;
  return {
    frames_late: framesLate,
    delivered_percent: rounded(deliveredPercent),
    recovery_ms:
      recoveryMs === undefined
        ? null
        : {
            first: rounded(recoveryMs.first),
            first_age: rounded(recoveryMs.firstAge),
            live: rounded(recoveryMs.live),
          },
    packets_lost_percent: rounded(packetsLostPercent),
  };
}

/** Rounds to three digits after the point, more than the accuracy of any figure. */
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 1_000) / 1_000;
}
