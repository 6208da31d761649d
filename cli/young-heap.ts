import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/**
 * Largest young generation of V8, in bytes. By default it doubles up to 128 MiB and returns little, which was a third of the memory for 200
 * viewers of small frames. docs/engines.md has the cost of smaller ones.
 */
export const YOUNG_HEAP_BYTES = 4 * 1024 * 1024;

/** Limits the young generation of the process to {@link YOUNG_HEAP_BYTES}. Returns a function that stops it. */
export function boundYoungHeap(): () => void {
  // The young generation grows only when it is collected.
  const observer = new PerformanceObserver(() => look());
  const look = () => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
    const full = young !== undefined && young.space_size >= YOUNG_HEAP_BYTES;
    setFlagsFromString(`--semi-space-growth-factor=${full ? 1 : 2}`);
    if (full) observer.disconnect();
  };
  look();
  observer.observe({ entryTypes: ["gc"] });
  return () => observer.disconnect();
}
