import { align } from "../report/table.ts";
import type { Percentiles, StormFigures } from "./figures.ts";
import type { StormOptions } from "./options.ts";

const round = (value: number) => Number(value.toFixed(2));

const json = ({ p50, p99, max }: Percentiles) => ({ p50: round(p50), p99: round(p99), max: round(max) });

/** The result for a program: one JSON object. */
export function stormJson({ stay, seconds, after, authMs, mesh }: StormOptions, figures: readonly StormFigures[]) {
  return {
    stay,
    seconds,
    after,
    auth_ms: mesh ? null : authMs,
    mesh,
    kinds: figures.map((one) => ({
      kind: one.kind,
      size: one.size,
      watchers: one.watchers,
      done: one.done,
      of: one.of,
      wait_ms: json(one.waitMs),
      refused: one.refused,
      lost: one.lost,
      stay_latency_ms: { before: json(one.stay.before), during: json(one.stay.during) },
      stay_frames_lost: one.stay.framesLost,
      rss_mb: {
        before: round(one.rssMb.before),
        peak: round(one.rssMb.peak),
        with: round(one.rssMb.with),
        after: round(one.rssMb.after),
      },
      cpu_s: round(one.cpuS),
      missed: one.missed,
    })),
  };
}

/** The result for a person. */
export function stormText({ stay, seconds, after, mesh }: StormOptions, figures: readonly StormFigures[]): string {
  const header = [
    "storm",
    "size",
    "done",
    "wait p50, p99, s",
    "refused",
    "stay p99 before, during, ms",
    "RSS before, peak, with, after, MB",
    "CPU, s",
  ];
  const rows = figures.map((one) => [
    one.kind,
    String(one.size),
    `${one.done} of ${one.of}`,
    `${(one.waitMs.p50 / 1_000).toFixed(2)}, ${(one.waitMs.p99 / 1_000).toFixed(2)}`,
    String(Object.values(one.refused).reduce((sum, count) => sum + count, 0)),
    `${one.stay.before.p99.toFixed(1)}, ${one.stay.during.p99.toFixed(1)}`,
    [one.rssMb.before, one.rssMb.peak, one.rssMb.with, one.rssMb.after].map((mb) => mb.toFixed(0)).join(", "),
    one.cpuS.toFixed(1),
  ]);
  const missed = figures.flatMap(({ kind, missed: goals }) => goals.map((goal) => `missed (${kind}): ${goal}`));
  return [
    `storm${mesh ? " in a mesh" : ""}: ${seconds} s beside ${stay} viewers who stay; memory ${after} s after all have left`,
    "",
    ...align([header, ...rows]),
    ...(missed.length === 0 ? [] : ["", ...missed]),
  ].join("\n");
}
