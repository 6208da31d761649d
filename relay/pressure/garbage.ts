import { getHeapStatistics } from "node:v8";
import { garbageCollector } from "../../transport/shared/index.ts";

/** Collects V8's garbage at once, and returns what the allocator has free to the system. Stops the thread for 10 to 200 ms. */
export function memoryCollector(releaseMemory: (() => boolean) | undefined): () => void {
  let collect: (() => void) | undefined;
  return () => {
    collect ??= garbageCollector();
    collect();
    releaseMemory?.();
  };
}

/** Bytes of V8's heap: used, and the most that it may have. */
export function heapMemory(): { usedBytes: number; limitBytes: number } {
  const { used_heap_size: usedBytes, heap_size_limit: limitBytes } = getHeapStatistics();
  return { usedBytes, limitBytes };
}
