import { align } from "../report/table.ts";
import type { IngestFigures } from "./ingest.ts";
import type { IngestOptions } from "./options.ts";

/** The result for a program: one JSON object. */
export function ingestJson(options: IngestOptions, figures: IngestFigures) {
  return {
    broadcasts: options.broadcasts,
    viewers: options.viewers,
    frame_bytes: options.frameBytes,
    batch: options.batch,
    frames: options.frames,
    frames_written: figures.written,
    thread_us_per_frame: hundredths(figures.threadUs),
    process_us_per_frame: hundredths(figures.processUs),
    heap_bytes_per_frame: Math.round(figures.heapBytes),
    external_bytes_per_frame: Math.round(figures.externalBytes),
    collections: figures.collections,
    collection_ms: hundredths(figures.collectionMs),
    longest_collection_ms: hundredths(figures.longestMs),
  };
}

export function ingestText(options: IngestOptions, figures: IngestFigures): string {
  const rows = Object.entries(ingestJson(options, figures)).map(([name, value]) => [
    name.replaceAll("_", " "),
    String(value),
  ]);
  return align(rows).join("\n");
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
