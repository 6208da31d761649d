import { align } from "../../bench/report/table.ts";
import type { DrillReport, StepFigures } from "./figures.ts";

/** Worst gap before a drill, in milliseconds, from which on the machine is too busy to judge a gap: three frames of 30 a second. */
const BUSY_GAP_MS = 100;

/** The result of a drill, for a person. */
export function drillText(report: DrillReport): string {
  const rows: (readonly [string, string | number])[] = [
    ["viewers", report.viewers],
    ["worst gap, ms", report.worst_gap_ms],
    ["median gap, ms", report.median_gap_ms],
    ["worst gap before, ms", report.usual_gap_ms],
    [`groups lost, of ${report.groups} each`, report.groups_lost],
    ["subscriptions upstream per relay and track", report.upstream_subscriptions_per_track],
    ["viewers moved by GOAWAY", report.moved],
    ["viewers' sessions lost", report.reconnected],
    ["viewers' subscriptions lost", report.subscriptionsLost],
    ...Object.entries(report.figures),
  ];
  return [
    `drill ${report.drill}: engine ${report.engine}, clients over ${report.load_engine}; ${report.seconds} s`,
    "",
    ...align(rows.map(([name, value]) => [name, String(value)])),
    "",
    ...(report.steps === undefined ? [] : [...stepLines(report.steps), ""]),
    ...(report.ok ? ["PASSED"] : report.wrong.map((what) => `FAILED: ${what}`)),
    ...(report.ok || report.usual_gap_ms < BUSY_GAP_MS ? [] : [busyMachine(report.usual_gap_ms)]),
  ].join("\n");
}

function busyMachine(gapMs: number): string {
  return `note: a viewer waited for ${gapMs} ms before the drill already, so the machine is busy (or --fps is low); repeat the drill on a quiet one`;
}

/** The steps as a table, in their order. */
function stepLines(steps: readonly StepFigures[]): string[] {
  const head = ["at, s", "step", "took, s", "longest gap, ms", "p99, ms", "groups lost", "moved", "sessions lost"];
  const rows = steps.map((one) =>
    [one.at, one.step, one.seconds, one.worst_gap_ms, one.p99_ms, one.groups_lost, one.moved, one.reconnected].map(
      String,
    ),
  );
  return align([head, ...rows]);
}
