import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { getHeapStatistics, setFlagsFromString } from "node:v8";

/**
 * A heap that keeps less than this, in bytes of objects, may double before V8 collects it whole. V8 itself lets a heap that changes slowly grow by
 * 8 MB only, so a relay of many broadcasts was collected every two seconds while its cache filled, each time for 10 to 30 ms.
 */
const SMALL_HEAP_BYTES = 32 * 1024 * 1024;

/** In percent of what was kept. V8 chooses by how fast the heap fills. */
const GROWTH = { byV8: 0, double: 100 } as const;

/** Lets a small heap of the process grow to twice its size. Larger ones grow as V8 chooses. Returns a function that stops it. */
export function roomForSmallHeap(): () => void {
  const look = () => grow(getHeapStatistics().used_heap_size < SMALL_HEAP_BYTES ? GROWTH.double : GROWTH.byV8);
  look();
  // A collection decides by what the one before has kept.
  const observer = new PerformanceObserver((list) => {
    if (list.getEntries().some(isOfWholeHeap)) look();
  });
  observer.observe({ entryTypes: ["gc"] });
  return () => {
    observer.disconnect();
    grow(GROWTH.byV8);
  };
}

function grow(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

/** Node's types lack `detail` of these entries. */
function isOfWholeHeap(entry: PerformanceEntry & { readonly detail?: unknown }): boolean {
  const { detail } = entry;
  if (typeof detail !== "object" || detail === null || !("kind" in detail)) return false;
  return detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}
