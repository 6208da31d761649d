import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { order, testFiles } from "../../scripts/suite/files.ts";
import { type FileResult, fileText, summaryText } from "../../scripts/suite/results.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/test.ts", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "moqmesh-suite-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `npm test` over one file with this text; gives its exit code, what it printed, and the summary. */
function runOver(text: string) {
  const summary = join(folder, "summary");
  const file = join(folder, "one.test.mjs");
  writeFileSync(
    file,
    `import { describe, it, test } from "node:test";\nimport assert from "node:assert/strict";\n${text}\n`,
  );
  writeFileSync(summary, "");
  const env: NodeJS.ProcessEnv = { ...process.env };
  // The runner refuses to run inside a test.
  delete env["NODE_TEST_CONTEXT"];
  const { status, stdout } = spawnSync(process.execPath, [SCRIPT, "--summary", summary, file], {
    encoding: "utf8",
    env,
  });
  return { status, stdout, summary: readFileSync(summary, "utf8") };
}

describe("npm test", () => {
  it("exits with 0 when every test passed, and prints a line for the file", () => {
    const { status, stdout } = runOver(
      `test("a", (t) => t.diagnostic("a figure")); test.skip("b"); console.log("noise");`,
    );
    assert.equal(status, 0);
    assert.match(stdout, /^✔ \S+one\.test\.mjs: 1 tests, 1 skipped, \d+\.\d s\n {2}ℹ a figure\n/);
    assert.doesNotMatch(stdout, /noise/);
  });

  it("ends with the failed tests, by file, line and suite, and the beginning of each error", () => {
    const { status, stdout, summary } = runOver(
      `console.log("noise"); describe("a", () => { it("b", () => assert.equal(1, 2)); it("c", () => {}); });`,
    );
    assert.equal(status, 1);
    assert.ok(stdout.endsWith(summary));
    assert.match(stdout, /its output ends with:\n {4}noise\n/);
    assert.match(
      summary,
      /\n2 tests in 1 files, 1 failed, \d+\.\d s\n✖ \S+one\.test\.mjs:3 a > b\n {4}AssertionError.*1 !== 2/s,
    );
  });

  it("fails for a process that ends badly, and says how and what it printed last", () => {
    const { status, summary } = runOver(`test("a", () => {}); console.log("last words"); process.exitCode = 3;`);
    assert.equal(status, 1);
    assert.match(summary, /its process failed with exit code 3\n.*\n {4}last words/);
  });

  it("fails for an error after the end of a test", () => {
    const late = `test("a", () => { setTimeout(() => { throw new Error("late"); }, 20); });`;
    const { status, summary } = runOver(`${late} test("b", () => new Promise((done) => setTimeout(done, 100)));`);
    assert.equal(status, 1);
    assert.match(summary, /an error after the end of a test\n.*late/);
  });
});

describe("the order of test files", () => {
  it("has those that keep a core busy in a list of their own, and those that run alone", () => {
    const { heavy, light, alone } = order(testFiles(["test/bench", "test/scripts/suite.test.ts", "test/scripts"]));
    assert.ok(heavy.length > 0 && heavy.every((file) => file.startsWith("test/bench/")));
    assert.ok(light.length > 0 && light.every((file) => file.startsWith("test/scripts/")));
    assert.equal(new Set(light).size, light.length);
    assert.deepEqual(alone, ["test/bench/flood.test.ts"]);
  });

  it("knows no path without tests", () => {
    assert.throws(() => testFiles(["test/nothing"]), /^Error: test\/nothing does not exist$/);
    assert.throws(() => testFiles(["scripts"]), /^Error: scripts has no file \*\.test\.ts$/);
  });
});

describe("the summary of a run", () => {
  const failed = (count: number): FileResult => ({
    file: "test/a.test.ts",
    ms: 1500,
    tests: count,
    skipped: 0,
    failures: Array.from({ length: count }, (_, i) => ({
      place: `test/a.test.ts:${i}`,
      name: "b",
      error: "c\n".repeat(30),
    })),
    notes: [],
    output: [],
  });

  it("has room for many failures in the last lines of a log", () => {
    const text = summaryText([failed(12)], 2000);
    assert.ok(text.split("\n").length <= 40, text);
    for (let i = 0; i < 10; i++) assert.ok(text.includes(`✖ test/a.test.ts:${i} b`));
    assert.match(text, /\n2 more failed$/);
  });

  it("has every failure of a file whole before it", () => {
    assert.equal(
      fileText(failed(2))
        .split("\n")
        .filter((line) => line.trim() === "c").length,
      60,
    );
  });
});
