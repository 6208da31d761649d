import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import type { TargetSummary } from "./fuzz.ts";
import { MAX_INPUT } from "./mutate.ts";
import { CURRENT, type WorkerData, type WorkerReport } from "./shared.ts";

export interface DriverOptions {
  /** Module that exports `TARGETS`. */
  readonly module: URL;
  readonly names: readonly string[];
  readonly inputs: number;
  readonly seed: number;
  /** Milliseconds after which an input that is still being run is taken for one that hangs. */
  readonly stallMs: number;
  /** Heap of the worker in MiB. */
  readonly heapMb: number;
  /** Called at intervals with the number of inputs that were begun. */
  readonly progress?: (inputs: number) => void;
}

export type DriverResult =
  | { readonly kind: "done"; readonly summaries: readonly TargetSummary[]; readonly seconds: number }
  /** `input` is hexadecimal. */
  | { readonly kind: "failed"; readonly target: string; readonly input: string; readonly what: string };

/** Milliseconds between checks of the worker, or fewer when its time limit is shorter. */
const LOOK_MS = 500;

/** Runs targets in a worker and watches it. The result names the input that failed, hung, or took all memory. */
export async function drive(options: DriverOptions): Promise<DriverResult> {
  const state = new SharedArrayBuffer(4 * Object.keys(CURRENT).length);
  const input = new SharedArrayBuffer(MAX_INPUT);
  const { names, inputs, seed } = options;
  const workerData: WorkerData = { module: options.module.href, names, inputs, seed, state, input };
  const start = performance.now();
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: options.heapMb },
  });
  const numbers = new Int32Array(state);
  /** The input that is being run, as a failure. */
  const current = async (what: string): Promise<DriverResult> => {
    const { TARGETS } = (await import(options.module.href)) as { TARGETS: readonly { name: string }[] };
    const bytes = Buffer.from(new Uint8Array(input, 0, numbers[CURRENT.length]));
    const target = TARGETS[numbers[CURRENT.target] ?? 0]?.name ?? "";
    return { kind: "failed", target, input: bytes.toString("hex"), what };
  };
  let stopWatching = () => {};
  try {
    return await new Promise<DriverResult>((resolve, reject) => {
      worker.once("message", (report: WorkerReport) => {
        resolve(report.kind === "done" ? { ...report, seconds: (performance.now() - start) / 1000 } : report);
      });
      worker.once("error", (error: Error & { code?: string }) => {
        if (error.code === "ERR_WORKER_OUT_OF_MEMORY") resolve(current(`takes more than ${options.heapMb} MiB`));
        else reject(error);
      });
      stopWatching = watch(numbers, options, () => resolve(current(`takes longer than ${options.stallMs} ms`)));
    });
  } finally {
    stopWatching();
    await worker.terminate();
  }
}

/** Calls `stalled` when one input has been run for too long. */
function watch(numbers: Int32Array, { stallMs, progress }: DriverOptions, stalled: () => void): () => void {
  let seen = 0;
  let since = performance.now();
  const timer = setInterval(
    () => {
      const count = Atomics.load(numbers, CURRENT.count);
      progress?.(count);
      // Before the first input the worker is still loading.
      if (count !== seen || count === 0) {
        seen = count;
        since = performance.now();
      } else if (performance.now() - since >= stallMs) stalled();
    },
    Math.min(LOOK_MS, stallMs / 4),
  );
  return () => clearInterval(timer);
}
