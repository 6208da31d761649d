import { PerformanceObserver } from "node:perf_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import { getHeapStatistics } from "node:v8";
import type { IngestOptions } from "./options.ts";
import { Script } from "./script.ts";

/** Most frames before the window, so that the code of the hot path is compiled; as many as are measured, where those are fewer. */
const WARM_UP = 100_000;

/** Deliveries between two turns of the event loop, in which V8 does its own work. */
const AT_A_TIME = 64;

export interface IngestFigures {
  /** CPU time of the thread and of the whole process, in microseconds for each frame. */
  readonly threadUs: number;
  readonly processUs: number;
  /** Bytes allocated for each frame, in the heap and beside it. */
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly collections: number;
  /** Milliseconds of all collections that stop the thread, and of the longest. */
  readonly collectionMs: number;
  readonly longestMs: number;
  readonly written: number;
}

/** Adds up what is allocated: the growth between two readings without a collection between them. */
class Allocations {
  heap = 0;
  external = 0;
  #last = getHeapStatistics();
  #counted = 0;
  #read = 0;

  look(): void {
    const now = getHeapStatistics();
    const last = this.#last;
    this.#last = now;
    this.#read += 1;
    if (now.used_heap_size < last.used_heap_size || now.external_memory < last.external_memory) return;
    this.#counted += 1;
    this.heap += now.used_heap_size - last.used_heap_size;
    this.external += now.external_memory - last.external_memory;
  }

  /** For all readings from those that counted. */
  get scale(): number {
    return this.#read / this.#counted;
  }
}

/** Measures. Rejects with a {@link import("../system/error.ts").BenchError} when the relay does not do what it should. */
export async function ingest(options: IngestOptions): Promise<IngestFigures> {
  const script = new Script(options);
  await script.start();
  await feed(script, Math.min(WARM_UP, options.frames), () => {});
  const collections: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) collections.push(duration);
  });
  observer.observe({ entryTypes: ["gc"] });
  const allocations = new Allocations();
  const before = { thread: process.threadCpuUsage(), process: process.cpuUsage(), written: script.written };
  const frames = await feed(script, options.frames, () => allocations.look());
  const thread = process.threadCpuUsage(before.thread);
  const all = process.cpuUsage(before.process);
  await nextTurn();
  observer.disconnect();
  return {
    threadUs: (thread.user + thread.system) / frames,
    processUs: (all.user + all.system) / frames,
    heapBytes: (allocations.heap * allocations.scale) / frames,
    externalBytes: (allocations.external * allocations.scale) / frames,
    collections: collections.length,
    collectionMs: collections.reduce((sum, ms) => sum + ms, 0),
    longestMs: collections.reduce((longest, ms) => Math.max(longest, ms), 0),
    written: script.written - before.written,
  };
}

/** Sends at least `count` frames; returns how many. */
async function feed(script: Script, count: number, each: () => void): Promise<number> {
  let sent = 0;
  while (sent < count) {
    for (let n = 0; n < AT_A_TIME; n++) sent += script.send();
    each();
    await nextTurn();
  }
  return sent;
}
