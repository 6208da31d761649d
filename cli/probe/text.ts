import { printable } from "../../moq/printable.ts";
import { millis } from "../step.ts";
import type { Hop, Plan, Report, Watched } from "./contract.ts";
import { shown } from "./contract.ts";
import { DELAY_PERCENTILE, type Finding, percent } from "./verdict.ts";

/** The first line. */
export function titleText({ publish, watch }: Plan): string {
  return `probe ${shown(publish.url)} -> ${watch.map(({ url }) => shown(url)).join(", ")}\n`;
}

/** A table of the watched relays, and the verdict. */
export function reportText(report: Report, found: readonly Finding[]): string {
  const { measuredMs, published, watched, interrupted } = report;
  const verdict =
    found.length > 0 ? found.map(({ url, fault }) => `FAILED: ${printable(located(url, fault.message))}`) : ["ok"];
  const last = interrupted ? [...verdict.filter((line) => line !== "ok"), "interrupted"] : verdict;
  if (published === 0) return `${last.join("\n")}\n`;
  const rows = watched.map(rowOf);
  return [
    `${published} frames in ${millis(measuredMs)}`,
    ...columns([["WATCH", "HOPS", "P50", `P${DELAY_PERCENTILE}`, "MAX", "LOST", "DUPLICATES"], ...rows]),
    ...last,
    "",
  ].join("\n");
}

/** One line for a run of a canary. */
export function runLine(report: Report, found: readonly Finding[], now: Date): string {
  const time = now.toISOString();
  if (found.length > 0) {
    return found.map(({ url, fault }) => `${time} FAILED: ${printable(located(url, fault.message))}\n`).join("");
  }
  const all = report.watched.map(({ url, delay, lost, expected }) =>
    delay.count === 0
      ? url
      : `${url} p${DELAY_PERCENTILE} ${millis(delay.percentile(DELAY_PERCENTILE))}, lost ${lost} of ${expected}`,
  );
  return `${time} ok: ${all.join("; ")}\n`;
}

/** Many messages name the relay already. */
function located(url: string, message: string): string {
  return message.includes(new URL(url).host) ? message : `${url}: ${message}`;
}

function rowOf({ url, hops, delay, lost, expected, duplicates }: Watched): string[] {
  const times =
    delay.count === 0 ? ["-", "-", "-"] : [50, DELAY_PERCENTILE].map((part) => millis(delay.percentile(part)));
  if (delay.count > 0) times.push(millis(delay.max));
  const loss = expected === 0 ? "-" : `${lost} of ${expected} (${percent(lost / expected)})`;
  return [url, hopsText(hops), ...times, loss, String(duplicates)];
}

/** The names from the publisher on where the mesh tells them, else the number of hops. */
export function hopsText(hops: readonly Hop[] | undefined): string {
  if (hops === undefined) return "-";
  if (hops.every(({ node }) => node === undefined)) return String(hops.length);
  return hops
    .map(({ node }, index) => (node === undefined ? undefined : printable(node)) ?? (index === 0 ? "publisher" : "?"))
    .join(" > ");
}

/** Columns as wide as their widest cell, two spaces apart. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
