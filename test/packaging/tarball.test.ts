/** The package as a user gets it: packed, installed into an empty folder from the registry, and run. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import packageJson from "../../package.json" with { type: "json" };

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** Building, packing and downloading what npm has not cached. Milliseconds. */
const INSTALL = { timeout: 240_000 };

/** Files that are no sources of the project: built, downloaded, or a developer's own. */
const LEFT_OUT = new Set(["node_modules", "dist", ".git", ".state", "target"]);

/** The environment of a user: without what `npm test` and this checkout add to it. */
const env = Object.fromEntries(
  Object.entries({ ...process.env, PATH: userPath() }).filter(
    ([name]) => !/^(npm_|NODE_|MOQMESH_|INIT_CWD$)/.test(name),
  ),
);

function userPath(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders
    .filter((folder) => !folder.includes("node_modules") && !folder.includes("node-gyp-bin"))
    .join(delimiter);
}

let folder: string;
let tarball: string;
let home: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqmesh-pack-"));
  home = join(folder, "home");
  tarball = await pack(join(folder, "source"));
  await mkdir(home);
  await writeFile(join(home, "package.json"), '{ "name": "home", "version": "1.0.0", "private": true }');
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], { cwd: home, env });
}, INSTALL);
after(() => rm(folder, { recursive: true, force: true }));

/** Builds and packs a copy, so that other tests do not find the checkout half built. Returns the tarball's path. */
async function pack(source: string): Promise<string> {
  await mkdir(source);
  for (const name of await readdir(root)) {
    if (!LEFT_OUT.has(name)) await cp(join(root, name), join(source, name), { recursive: true });
  }
  await rm(join(source, "web", "dist"), { recursive: true, force: true });
  await symlink(join(root, "node_modules"), join(source, "node_modules"));
  const inCheckout = { ...env, PATH: [join(root, "node_modules", ".bin"), env["PATH"] ?? ""].join(delimiter) };
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], {
    cwd: source,
    env: inCheckout,
  });
  const file = /"filename":\s*"([^"]+\.tgz)"/.exec(stdout)?.[1];
  assert.ok(file !== undefined, stdout);
  return join(folder, file);
}

test("contains the bundle, the page and the licences, and no sources or tests", async () => {
  const { stdout } = await run("tar", ["-tzf", tarball]);
  const files = stdout.trim().split("\n");
  for (const file of [
    "package/bin/moqmesh.js",
    "package/dist/moqmesh.js",
    "package/web/dist/demo/index.html",
    "package/configs/dev.toml",
    "package/LICENSE-MIT",
    "package/LICENSE-APACHE",
  ]) {
    assert.ok(files.includes(file), file);
  }
  assert.deepEqual(
    files.filter((file) => /\.ts$|\/(test|relay|node_modules)\//.test(file)),
    [],
  );
});

test("npx moqmesh prints its version", async () => {
  const { stdout } = await run("npx", ["--no-install", "moqmesh", "--version"], { cwd: home, env });
  assert.equal(stdout, `moqmesh ${packageJson.version}\n`);
});

test("npx moqmesh check shows the configuration of the package's own file", async () => {
  const file = join(home, "node_modules", "moqmesh", "configs", "dev.toml");
  const { stdout } = await run("npx", ["--no-install", "moqmesh", "check", file, "--running"], { cwd: home, env });
  assert.match(stdout, /^page = true {2}# .*dev\.toml:\d+$/m);
});

test("installs no development dependency", () => {
  for (const name of Object.keys(packageJson.devDependencies)) {
    assert.ok(!existsSync(join(home, "node_modules", name)), name);
  }
});

test("moqmesh serve from the package answers health checks and serves the page", { timeout: 60_000 }, async () => {
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
    const next = async (): Promise<{ level: string; msg: string; port: number; admin: number }> =>
      JSON.parse((await lines.next()).value ?? "{}");
    const warning = await next();
    assert.equal(warning.level, "warn");
    assert.match(warning.msg, /engine rwebtransport .*docs\/engines\.md/, "what the package lacks is said at once");
    const { msg, port, admin } = await next();
    assert.equal(msg, "relay ready");
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
