/** The packages as a user gets them: packed, installed into an empty folder from a registry, and run. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { PLATFORMS, packageOf } from "../../scripts/pack/platforms.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { platformName } from "../../transport/native/addon.ts";
import { missingEngine } from "../support/engines.ts";
import { compile, type Example, writeExamples } from "./support/examples.ts";
import { type EngineRegistry, serveEngines } from "./support/registry.ts";
import { BEFORE, userEnv as env, type Packages, packCheckout } from "./support/user.ts";

const run = promisify(execFile);

/** Building, packing and downloading what npm has not cached. Milliseconds. */
const INSTALL = { timeout: patient(240_000) };

const withoutEngine = missingEngine();

let folder: string;
let packages: Packages;
let registry: EngineRegistry;
let home: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqmesh-pack-"));
  home = join(folder, "home");
  packages = await packCheckout(join(folder, "source"));
  registry = await serveEngines(packageJson.version, packages.engines);
  await mkdir(home);
  await writeFile(join(home, "package.json"), '{ "name": "home", "version": "1.0.0", "private": true }');
  await writeFile(join(home, ".npmrc"), `@moqmesh:registry=${registry.url}\n`);
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", packages.program], { cwd: home, env });
}, INSTALL);
after(async () => {
  registry.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the installed program. Resolves with its standard output, whatever its exit code. */
async function moqmesh(...args: string[]): Promise<string> {
  const { stdout } = await run("npx", ["--no-install", "moqmesh", ...args], { cwd: home, env }).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}

test("contains the bundle, the page and the licences, and no sources or tests", async () => {
  const { stdout } = await run("tar", ["-tzf", packages.program]);
  const files = stdout.trim().split("\n");
  for (const file of [
    "package/bin/moqmesh",
    "package/bin/moqmesh.js",
    "package/dist/health-port.cjs",
    "package/dist/LICENSES.txt",
    "package/dist/moqmesh.js",
    "package/dist/index.js",
    "package/dist/types/index.d.ts",
    "package/web/dist/demo/index.html",
    "package/configs/dev.toml",
    "package/LICENSE-MIT",
    "package/LICENSE-APACHE",
  ]) {
    assert.ok(files.includes(file), file);
  }
  assert.deepEqual(
    files.filter((file) => /(?<!\.d)\.ts$|\/(test|relay|node_modules|packages)\/|\.node$/.test(file)),
    [],
  );
});

test("removes what earlier builds made, and no Debian package", () => {
  const left = BEFORE.filter((name) => existsSync(join(folder, "source", "dist", name)));
  assert.deepEqual(left, ["debian/moqmesh.deb"]);
});

test("names the engine of every platform, in its own version", async () => {
  const { stdout } = await run("tar", ["-xzOf", packages.program, "package/package.json"]);
  const manifest: typeof packageJson = JSON.parse(stdout);
  const expected = Object.fromEntries(PLATFORMS.map((platform) => [packageOf(platform), packageJson.version]));
  assert.deepEqual(manifest.optionalDependencies, { ...packageJson.optionalDependencies, ...expected });
  assert.ok(!("scripts" in manifest) && !("devDependencies" in manifest));
});

test("the workflow builds the engine of every platform", async () => {
  const file = fileURLToPath(new URL("../../.github/workflows/engine.yml", import.meta.url));
  const { jobs } = parse(await readFile(file, "utf8")) as {
    jobs: { build: { strategy: { matrix: { include: { platform: string }[] } } } };
  };
  const built = jobs.build.strategy.matrix.include.map(({ platform }) => platform);
  assert.deepEqual(
    built,
    PLATFORMS.map(({ name }) => name),
  );
});

test("npm installs the engine of this machine and no other", { skip: withoutEngine }, async () => {
  assert.deepEqual(await readdir(join(home, "node_modules", "@moqmesh")), [`engine-${platformName()}`]);
});

test("npx moqmesh prints its version", async () => {
  assert.equal(await moqmesh("--version"), `moqmesh ${packageJson.version}\n`);
});

test("npx moqmesh check shows the configuration of the package's own file", async () => {
  const file = join(home, "node_modules", "moqmesh", "configs", "dev.toml");
  assert.match(await moqmesh("check", file, "--running"), /^page = true {2}# .*dev\.toml:\d+$/m);
});

test("npx moqmesh doctor finds the native engine", { skip: withoutEngine }, async () => {
  const { findings }: { findings: { code: string; status: string }[] } = JSON.parse(await moqmesh("doctor", "--json"));
  assert.deepEqual(
    findings.filter(({ code }) => code === "native_engine").map(({ status }) => status),
    ["ok"],
  );
});

test("installs no development dependency", () => {
  for (const name of Object.keys(packageJson.devDependencies)) {
    assert.ok(!existsSync(join(home, "node_modules", name)), name);
  }
});

test("moqmesh serve from the package answers health checks and serves the page", {
  timeout: patient(60_000),
}, async () => {
  const state = join(folder, "state");
  const bin = join(home, "node_modules", ".bin", "moqmesh");
  const args = ["serve", "--host", "127.0.0.1", "--port", "0", "--http.admin_port", "0", "--http.page", "true"];
  const child = spawn(bin, [...args, "--tls.state_dir", state, "--log.format", "json"], {
    cwd: home,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async (): Promise<{ level: string; msg: string; port: number; admin: number; engine: string }> => {
      const { value, done } = await lines.next();
      return done === true ? assert.fail("it ended before it was ready") : JSON.parse(value);
    };
    if (withoutEngine !== false) {
      const warning = await next();
      assert.equal(warning.level, "warn");
      assert.match(
        warning.msg,
        /engine rwebtransport .*npm install @moqmesh\/engine/,
        "what is missing is said at once",
      );
    }
    // On a slow machine a line about a blocked event loop may come first.
    let line = await next();
    while (line.msg !== "relay ready") line = await next();
    const { port, admin, engine } = line;
    assert.equal(engine, withoutEngine === false ? "native" : "rwebtransport");
    assert.equal((await fetch(`http://127.0.0.1:${admin}/health/live`)).status, 200);
    const page = await fetch(`http://127.0.0.1:${port}/`);
    assert.equal(
      await page.text(),
      await readFile(join(home, "node_modules/moqmesh/web/dist/demo/index.html"), "utf8"),
    );
    child.stdout.resume();
    child.kill("SIGTERM");
    const [code] = await once(child, "close");
    assert.equal(code, 0);
  } finally {
    child.kill("SIGKILL");
  }
});

/** What each example of docs/embed.md prints, as far as it is the same at each run. */
const PRINTED: readonly RegExp[] = [
  /^0 0 a key frame\n0 33 the next frame\n$/,
  /^\S+: auth\.key_dir: .*no-such-folder/,
  /^(native|rwebtransport) at 127\.0\.0\.1\n0\n$/,
  /^live\/room2 hello\nError: enough\n$/,
];

test("the examples of docs/embed.md compile in strict mode and run", { timeout: patient(60_000) }, async (t) => {
  const examples = await writeExamples(home);
  const typed = examples.filter(({ language }) => language === "ts");
  await compile(
    home,
    typed.map(({ file }) => file),
  );
  assert.deepEqual([examples.length, typed.length], [PRINTED.length, PRINTED.length - 1]);
  for (const [index, example] of examples.entries()) {
    await t.test(`example ${index + 1}`, async () => {
      assert.match(await ran(example), PRINTED[index] ?? /nothing/);
    });
  }
});

/** What a program prints that ends by itself with the exit code 0. */
async function ran({ file }: Pick<Example, "file">): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [file], { cwd: home, env, timeout: patient(30_000) });
  return stderr + stdout;
}

test("the package's types refuse keys and values that a configuration cannot have", async () => {
  const file = join(home, "wrong.mts");
  await writeFile(file, 'import { start } from "moqmesh";\nvoid start({ config: { server: { prot: 1 } } });\n');
  await assert.rejects(compile(home, [file]), /'prot' does not exist in type/);
  await writeFile(file, 'import { start } from "moqmesh";\nvoid start({ config: { drain: { grace: 5 } } });\n');
  await assert.rejects(compile(home, [file]), /Type 'number' is not assignable to type 'string'/);
});

test("the types of the configuration say what the schema takes", async () => {
  const file = join(home, "same.mts");
  const schema = fileURLToPath(new URL("../../relay/config/index.ts", import.meta.url));
  await writeFile(
    file,
    `import type { RelayConfig } from "moqmesh";
import type { FileValues } from "${schema}";
export const there = (given: RelayConfig): FileValues => given;
export const back = ({ policies, cache, limits, ...given }: FileValues): RelayConfig => given;
`,
  );
  // The sources of the schema are compiled with it, as the checkout compiles them.
  await compile(home, [file], { skipLibCheck: true, allowImportingTsExtensions: true, resolveJsonModule: true });
});

test("require gives the library to a program that is no module", async () => {
  const file = join(home, "common.cjs");
  await writeFile(file, 'console.log(Object.keys(require("moqmesh")).sort().join());');
  assert.equal(await ran({ file }), "MoqmeshError,connect,start\n");
});
