import { align } from "../../bench/report/table.ts";
import type { DrillReport } from "./figures.ts";

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
    ["viewers' subscriptions lost", report.resubscribed],
    ...Object.entries(report.figures),
  ];
  return [
    `drill ${report.drill}: engine ${report.engine}, clients over ${report.load_engine}; ${report.seconds} s`,
    "",
    ...align(rows.map(([name, value]) => [name, String(value)])),
    "",
    ...(report.ok ? ["PASSED"] : report.wrong.map((what) => `FAILED: ${what}`)),
  ].join("\n");
}
