/** Which test files there are, and which of them must not run beside each other. */
import { existsSync, globSync, statSync } from "node:fs";

/**
 * Rooms and files that keep a whole core busy, with a flood of packets or a package that is built. One of them at a time runs beside the
 * others, which mostly wait.
 */
const HEAVY = ["test/bench/", "test/packaging/"];

/**
 * Rooms and files that depend on times of a real clock: pictures in a browser, gaps, leases and tokens of seconds, alerts that come in time. They
 * run one by one after all others, because tests beside them make everything slower.
 */
const ALONE = [
  "test/bench/flood.test.ts",
  "test/browser/",
  "test/mesh/mesh.test.ts",
  "test/mesh/rotation.test.ts",
  "test/mesh/shared-registry.test.ts",
  "test/mesh/tenant-limits.test.ts",
  "test/mesh/tokens.test.ts",
  "test/rollout/",
];

export interface Order {
  readonly heavy: readonly string[];
  readonly light: readonly string[];
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
  const alone = files.filter(startsWith(ALONE));
  const beside = files.filter((file) => !alone.includes(file));
  const isHeavy = startsWith(HEAVY);
  return { heavy: beside.filter(isHeavy), light: beside.filter((file) => !isHeavy(file)), alone };
}

function startsWith(starts: readonly string[]): (file: string) => boolean {
  return (file) => starts.some((start) => file.startsWith(start));
}
