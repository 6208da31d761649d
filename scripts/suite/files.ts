/** Which test files there are, and which of them must not run beside each other. */
import { existsSync, globSync, statSync } from "node:fs";

/**
 * Rooms and files that keep a whole core busy, with a browser, a mesh of processes or a flood. One of them at a time runs beside the
 * others, which mostly wait.
 */
export const HEAVY = ["test/bench/", "test/browser/", "test/mesh/mesh.test.ts", "test/rollout/", "test/packaging/"];

export interface Order {
  readonly heavy: readonly string[];
  readonly light: readonly string[];
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
  const isHeavy = (file: string) => HEAVY.some((start) => file.startsWith(start));
  return { heavy: files.filter(isHeavy), light: files.filter((file) => !isHeavy(file)) };
}
