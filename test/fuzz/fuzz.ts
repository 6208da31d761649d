import { performance } from "node:perf_hooks";
import { nextInput } from "./mutate.ts";
import { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** Called before each input is run, so that one that never returns is known. */
  readonly before?: (target: FuzzTarget, input: Uint8Array) => void;
}

export interface TargetSummary {
  readonly name: string;
  readonly inputs: number;
  readonly taken: number;
  readonly refused: number;
  /** Longest run, in milliseconds. */
  readonly slowestMs: number;
}

/** The input that a target could not cope with. */
export class FuzzFailure extends Error {
  readonly target: string;
  readonly input: Uint8Array;

  constructor(target: string, input: Uint8Array, cause: unknown) {
    super(`${target} fails`, { cause });
    this.name = "FuzzFailure";
    this.target = target;
    this.input = input;
  }
}

/** Runs the targets in turn until so many inputs have been tried; throws a {@link FuzzFailure} at the first that fails. */
export function fuzz(targets: readonly FuzzTarget[], { inputs, seed, before }: FuzzOptions): TargetSummary[] {
  const random = new Random(seed);
  const tallies = targets.map((target) => ({ target, inputs: 0, taken: 0, slowestMs: 0 }));
  for (let done = 0; done < inputs; ) {
    for (const tally of tallies) {
      if (done++ >= inputs) break;
      const input = nextInput(random, tally.target.sound);
      before?.(tally.target, input);
      const start = performance.now();
      if (taken(tally.target, input)) tally.taken++;
      tally.inputs++;
      tally.slowestMs = Math.max(tally.slowestMs, performance.now() - start);
    }
  }
  return tallies.map(({ target, ...tally }) => ({ name: target.name, refused: tally.inputs - tally.taken, ...tally }));
}

function taken(target: FuzzTarget, input: Uint8Array): boolean {
  try {
    return target.run(input);
  } catch (error) {
    throw new FuzzFailure(target.name, input, error);
  }
}
