/** How the program finds the binary of the native engine. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { binaryName, loadAddon, platformName } from "../../transport/native/addon.ts";

const ENGINE = `@moqmesh/engine-${platformName()}`;

describe("a program that npm has installed", () => {
  let modules: string;
  let program: string;

  beforeEach(async () => {
    modules = join(await mkdtemp(join(tmpdir(), "moqmesh-addon-")), "node_modules");
    program = join(modules, "moqmesh", "dist");
    await mkdir(program, { recursive: true });
    await writeFile(join(modules, "moqmesh", "package.json"), '{ "name": "moqmesh", "version": "1.2.3" }');
  });
  afterEach(async () => await rm(join(modules, ".."), { recursive: true }));

  async function installEngine(version: string, code: string): Promise<void> {
    const folder = join(modules, ENGINE);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: ENGINE, version, main: "engine.js" }));
    await writeFile(join(folder, "engine.js"), code);
  }

  test("loads the binary of the platform's package", async () => {
    await installEngine("1.2.3", "exports.createEngine = () => 'made';");
    assert.equal(typeof loadAddon(program).createEngine, "function");
  });

  test("prefers a binary in its own folder, of whatever version the package is", async () => {
    await installEngine("9.9.9", "exports.createEngine = () => {};");
    await mkdir(join(modules, "moqmesh", "engine"));
    await writeFile(join(modules, "moqmesh", "engine", binaryName()), "no binary");
    assert.throws(() => loadAddon(program), { code: "engine_unavailable", message: /cannot be loaded/ });
  });

  test("names the package that is missing, and its version", () => {
    assert.throws(() => loadAddon(program), {
      code: "engine_unavailable",
      message: `the native engine: there is no binary for ${platformName()}; install the package of the program's version: npm install ${ENGINE}@1.2.3`,
    });
  });

  test("refuses a package of another version", async () => {
    await installEngine("1.2.4", "exports.createEngine = () => {};");
    assert.throws(() => loadAddon(program), {
      code: "engine_unavailable",
      message: `the native engine: ${ENGINE} has the version 1.2.4, and moqmesh has 1.2.3; they must be the same; install the package of the program's version: npm install ${ENGINE}@1.2.3`,
    });
  });

  test("refuses a package that is no engine", async () => {
    await installEngine("1.2.3", "exports.other = 1;");
    assert.throws(() => loadAddon(program), {
      code: "engine_unavailable",
      message: /the binary is of another version/,
    });
  });
});
