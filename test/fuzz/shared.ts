/** What the driver of the fuzzer and its worker share. */
import type { TargetSummary } from "./fuzz.ts";

/** Places in the shared numbers: inputs begun, and the length and the target of the one that is being run. */
export const CURRENT = { count: 0, length: 1, target: 2 } as const;

export interface WorkerData {
  /** URL of the module that exports `TARGETS`. */
  readonly module: string;
  /** Parts of the names of the targets to run; none means all. */
  readonly names: readonly string[];
  readonly inputs: number;
  readonly seed: number;
  /** Int32 of {@link CURRENT}. */
  readonly state: SharedArrayBuffer;
  /** The input that is being run. */
  readonly input: SharedArrayBuffer;
}

export type WorkerReport =
  | { readonly kind: "done"; readonly summaries: readonly TargetSummary[] }
  | { readonly kind: "failed"; readonly target: string; readonly input: string; readonly what: string };
