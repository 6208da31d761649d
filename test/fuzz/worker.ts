/** Runs the targets on a thread of their own, so that the driver notices one that hangs or uses up memory. */
import { inspect } from "node:util";
import { parentPort, workerData } from "node:worker_threads";
import { FuzzFailure, fuzz } from "./fuzz.ts";
import { CURRENT, type WorkerData, type WorkerReport } from "./shared.ts";
import type { FuzzTarget } from "./target.ts";

const { module, names, inputs, seed, state, input: shared } = workerData as WorkerData;
const numbers = new Int32Array(state);
const current = new Uint8Array(shared);
const { TARGETS } = (await import(module)) as { TARGETS: readonly FuzzTarget[] };
const targets = TARGETS.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)));

function report(message: WorkerReport): void {
  parentPort?.postMessage(message);
}

function before(target: FuzzTarget, input: Uint8Array): void {
  current.set(input);
  numbers[CURRENT.length] = input.length;
  numbers[CURRENT.target] = TARGETS.indexOf(target);
  Atomics.add(numbers, CURRENT.count, 1);
}

try {
  if (targets.length === 0) throw new Error(`no target has one of these in its name: ${names.join(", ")}`);
  report({ kind: "done", summaries: fuzz(targets, { inputs, seed, before }) });
} catch (error) {
  if (!(error instanceof FuzzFailure)) throw error;
  const hex = Buffer.from(error.input).toString("hex");
  report({ kind: "failed", target: error.target, input: hex, what: inspect(error.cause) });
}
