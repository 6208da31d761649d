import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/**
 * Bytes of V8's young generation from which on it grows no more. By default it doubles up to 128 MiB and gives little back, a third of
 * what 200 viewers of small frames took. What smaller ones cost is in docs/engines.md.
 */
export const YOUNG_HEAP_BYTES = 8 * 1024 * 1024;

/** Lets the young generation of the whole process grow to {@link YOUNG_HEAP_BYTES} and no further. Returns a stop. */
export function boundYoungHeap(): () => void {
  // It grows when it is collected, and at no other time.
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
