/** Runs the tests: `npm test`. Each file has a process of its own. */
import { appendFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { run } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { BUNDLED, bundleCheckout } from "./bundle/checkout.ts";
import { readArguments, wholeFlag, wrongCommandLine } from "./flags.ts";
import { type Order, order, testFiles } from "./suite/files.ts";
import { patient } from "./suite/patience.ts";
import { type FileResult, FileRun, fileText, summaryText } from "./suite/results.ts";

/** Milliseconds that one test may take, and all tests of a file. */
const TEST_MS = patient(120_000);
const FILE_MS = patient(600_000);

/** Files that run at the same time for each core: most of a test's time is waiting. */
const FILES_PER_CORE = 2;

const HELP = `Usage: npm test -- [--together N] [--rounds N] [--summary FILE] [PATH]...

Runs the test files PATH and those below the folders PATH (default test), several at a time. Of those that keep a core
busy only one runs at a time, and those that depend on times of a real clock run alone, at the end
(scripts/suite/files.ts). MOQMESH_TEST_PATIENCE=4 makes the limits that only end what hangs four times as long.

  --together N    Files that run at the same time (default: ${FILES_PER_CORE} for each core).
  --rounds N      Runs everything N times (default 1).
  --summary FILE  Appends the last lines to this file as well.

Exit codes: 0 every test passed, 1 a test failed, 2 wrong command line.`;

const root = fileURLToPath(new URL("../", import.meta.url));
process.chdir(root);
// Every process compiles the same sources: the first one stores what it compiled for the others.
process.env["NODE_COMPILE_CACHE"] ??= join(root, "node_modules/.cache/compile");

const { values, positionals } = readArguments(HELP, {
  together: { type: "string", default: String(FILES_PER_CORE * availableParallelism()) },
  rounds: { type: "string", default: "1" },
  summary: { type: "string" },
});
const together = wholeFlag(HELP, "together", values.together, 1);
const rounds = wholeFlag(HELP, "rounds", values.rounds, 1);
const wanted = order(found(positionals));
if (process.env["MOQMESH_TESTED"] === undefined) {
  await bundleCheckout();
  Object.assign(process.env, BUNDLED);
}
const results: FileResult[] = [];
const began = performance.now();
for (let round = 0; round < rounds; round++) {
  await runFiles(wanted, together);
}
const summary = summaryText(results, performance.now() - began);
console.log(`\n${summary}`);
if (values.summary !== undefined) appendFileSync(values.summary, `${summary}\n`);
if (results.some(({ failures }) => failures.length > 0)) process.exitCode = 1;

function found(paths: readonly string[]): string[] {
  try {
    return testFiles(paths.length === 0 ? ["test"] : paths);
  } catch (error) {
    return wrongCommandLine(error instanceof Error ? error.message : String(error), HELP);
  }
}

/**
 * Runs the files, `lanes` of them at a time. The first lane runs the heavy ones, one after the other. Those that must run alone come
 * last.
 */
async function runFiles({ heavy, light, alone }: Order, lanes: number): Promise<void> {
  const rest = light.values();
  const lane = async (files: Iterable<string>) => {
    for (const file of files) {
      const result = await runFile(file);
      console.log(fileText(result));
      results.push(result);
    }
  };
  const first = async () => {
    await lane(heavy);
    await lane(rest);
  };
  await Promise.all([first(), ...Array.from({ length: lanes - 1 }, () => lane(rest))]);
  await lane(alone);
}

async function runFile(file: string): Promise<FileResult> {
  const began = performance.now();
  const collected = new FileRun(file);
  const events: AsyncIterable<TestEvent> = run({
    files: [resolve(root, file)],
    signal: AbortSignal.timeout(FILE_MS),
    execArgv: ["--import", "./test/support/watchdog.ts", `--test-timeout=${TEST_MS}`],
  });
  for await (const event of events) collected.take(event);
  return collected.end(performance.now() - began);
}
