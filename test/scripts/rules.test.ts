import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, test } from "node:test";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../", import.meta.url));

/** What moq/ and cluster/ may not name, each as code that would run. */
const REFUSED = [
  "Date.now()",
  "new Date()",
  "performance.now()",
  "setTimeout(() => {}, 1)",
  "setInterval(() => {}, 1)",
  "setImmediate(() => {})",
  "queueMicrotask(() => {})",
  "Math.random()",
  "crypto.getRandomValues(new Uint8Array(1))",
  "process.pid",
  'Buffer.from("")',
  "globalThis.performance",
];

describe("lint of the pure rooms", () => {
  let folder = "";
  let report = "";

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "moqmesh-lint-"));
    cpSync(join(repository, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    for (const room of ["moq/model", "cluster", "relay"]) {
      mkdirSync(join(folder, room), { recursive: true });
      const file = (name: string, code: string) => writeFileSync(join(folder, room, name), code);
      for (const [index, code] of REFUSED.entries()) file(`refused-${index}.ts`, `export const value = ${code};\n`);
      file("kept.ts", "export const value = Math.floor(new Uint8Array(1).length / 2);\n");
    }
    // Without types: the folder has no tsconfig.json and needs none for these rules.
    const config = join(folder, ".oxlintrc.json");
    const run = spawnSync(join(repository, "node_modules/.bin/oxlint"), ["--config", config, "--format", "unix"], {
      cwd: folder,
      encoding: "utf8",
    });
    report = run.stdout + run.stderr;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [index, code] of REFUSED.entries()) {
    it(`refuses ${code}`, () => {
      for (const room of ["moq/model", "cluster"]) {
        assert.match(report, new RegExp(`${room}/refused-${index}\\.ts:.*no-restricted`), report);
      }
    });
  }

  it("accepts calculations", () => assert.doesNotMatch(report, /kept\.ts/));

  it("leaves the relay its clock and timers", () => assert.doesNotMatch(report, /relay\/.*no-restricted/));
});

test("server code and its tests are compiled without the DOM library", () => {
  // @ts-expect-error `tsc` knows no `document` here; a package whose types bring the DOM library along would change that.
  assert.equal(typeof document, "undefined");
});
