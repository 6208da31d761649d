/** Which test files there are, and which of them need the machine for themselves. */
import { existsSync, globSync, statSync } from "node:fs";

/**
 * Rooms and files that measure how much of the machine a relay leaves to others: another test beside them would spoil their figures.
 * They run after the others, one at a time.
 */
export const ALONE = ["test/bench/"];

export interface Order {
  /** Run several at a time. */
  readonly together: readonly string[];
  /** Run after those, one at a time. */
  readonly alone: readonly string[];
}

/** The test files below the folders `paths` and those that `paths` names, in alphabetical order. Throws for a path that has no test. */
export function testFiles(paths: readonly string[]): string[] {
  return [...new Set(paths.flatMap(below))].sort();
}

function below(path: string): string[] {
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  const files = statSync(path).isDirectory() ? globSync(`${path.replace(/\/$/, "")}/**/*.test.ts`) : [path];
  if (files.length === 0) throw new Error(`${path} has no file *.test.ts`);
  return files;
}

export function order(files: readonly string[]): Order {
  const isAlone = (file: string) => ALONE.some((start) => file.startsWith(start));
  return { together: files.filter((file) => !isAlone(file)), alone: files.filter(isAlone) };
}
