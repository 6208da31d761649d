import { align } from "../report/table.ts";
import type { ScrapeFigures } from "./scrape.ts";

/** The result for a program: one JSON object. */
export function scrapeJson(figures: ScrapeFigures) {
  return {
    sessions: figures.sessions,
    broadcasts: figures.broadcasts,
    engine: figures.engine,
    lines: figures.lines,
    bytes: figures.bytes,
    scrape_ms: tenths(figures.medianMs),
    longest_scrape_ms: tenths(figures.longestMs),
    stall_ms: tenths(figures.medianStallMs),
    longest_stall_ms: tenths(figures.longestStallMs),
    stall_without_scrape_ms: tenths(figures.idleStallMs),
  };
}

export function scrapeText(figures: ScrapeFigures): string {
  const rows = Object.entries(scrapeJson(figures)).map(([name, value]) => [name.replaceAll("_", " "), String(value)]);
  return align(rows).join("\n");
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
