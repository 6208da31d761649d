import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { SIGNAL_ECHO_MS } from "../../cli/signals.ts";
import { connect } from "../../relay/client/client.ts";
import type { Client } from "../../relay/client/contract.ts";
import { missingEngine } from "../support/engines.ts";
import { BIN, programsForTests, QUIET } from "./support/process.ts";

const { folder, run, serve } = programsForTests();

/**
 * Fails when the relay accepts the session. A relay refuses with an HTTP status; an engine that has answered before the relay is
 * asked (docs/engines.md) ends the session instead.
 */
async function refused(dialled: Promise<Client>): Promise<void> {
  const session = await dialled.catch(() => undefined);
  if (session === undefined) return;
  assert.notEqual(await session.closed, "", "why it was refused");
  await session.close();
}

/** Makes Node report an older version, so that the launcher starts the installed one. */
const OLD_NODE = `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.0.0"}})`;

/** The same for a Node that cannot replace its own process. */
const OLDER_NODE = `${OLD_NODE};delete process.execve`;

test("serves until SIGTERM and exits with 0", async () => {
  const program = serve();
  const { port, admin } = await program.ready();
  const live = await fetch(`http://127.0.0.1:${admin}/health/live`);
  assert.equal(live.status, 200);
  await live.body?.cancel();
  const hash = await (await fetch(`http://127.0.0.1:${port}/certificate.sha256`)).text();
  assert.match(hash.trim(), /^[0-9a-f]{64}$/);
  program.kill("SIGTERM");
  assert.equal(await program.ends(), 0);
  assert.equal(program.stderr, "");
  for (const line of program.stdout.trim().split("\n")) assert.ok(JSON.parse(line), "one JSON object a line");
});

test("keeps running after an uncaught error, logs it and counts it", async () => {
  const hook = `data:text/javascript,process.on("SIGWINCH",()=>{setTimeout(()=>{throw new Error("in a timer")});Promise.reject(new Error("in a promise"))})`;
  const program = serve([], { execArgv: ["--import", hook] });
  const { admin } = await program.ready();
  program.kill("SIGWINCH");
  await program.says(/"level":"error".*in a promise.*internal error outside of any session/);
  await program.says(/"level":"error".*in a timer.*internal error outside of any session/);
  const metrics = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  assert.match(metrics, /^moqmesh_defects_total 2$/m);
  program.kill("SIGTERM");
  assert.equal(await program.ends(), 0);
});

test("ends at once on a second signal, with the signal's exit code", async () => {
  const program = serve(["--drain.grace", "1h"]);
  const { port } = await program.ready();
  // A viewer that stays keeps the relay draining.
  const viewer = await connect(new URL(`http://127.0.0.1:${port}/`), { trust: { kind: "system" }, timeoutMs: 10_000 });
  program.kill("SIGTERM");
  await program.says(/"relay draining"/);
  await delay(SIGNAL_ECHO_MS + 100);
  assert.equal(program.child.exitCode, null, "it waits for its viewer");
  program.kill("SIGINT");
  assert.equal(await program.ends(), 130);
  await viewer.close();
});

test("on SIGHUP applies the keys that are live, names those that need a restart, and applies nothing when there is an error", async () => {
  const file = join(folder, "reload.toml");
  const write = (text: string) => writeFileSync(file, text);
  write("[limits]\nsessions = 1\n");
  const program = serve([file]);
  const { port } = await program.ready();
  const dial = () => connect(new URL(`http://127.0.0.1:${port}/`), { trust: { kind: "system" }, timeoutMs: 10_000 });
  const first = await dial();
  program.kill("SIGHUP");
  await program.says(/configuration checked: unchanged/);
  // With an error anywhere the relay applies nothing of the file.
  write("[limits]\nsessions = 2\nsesions = 6\n");
  program.kill("SIGHUP");
  await program.says(/limits\.sesions: unknown key.*nothing changes/);
  await refused(dial());
  write('[limits]\nsessions = 2\nbroadcasts = 7\n[cluster]\nnode = "a"\nredirect = "https://b.example"\n');
  program.kill("SIGHUP");
  await program.says(
    /"limits\.sessions: 1 -> 2".*"limits\.broadcasts: 10000 -> 7".*"cluster\.redirect.*b\.example.*reloaded/,
  );
  await program.says(/"cluster\.node.*these keys changed and need a restart/);
  const second = await dial();
  await refused(dial());
  for (const session of [first, second]) await session.close();
  program.kill("SIGTERM");
  assert.equal(await program.ends(), 0);
});

test("on SIGHUP logs no secret that changed", async () => {
  const file = join(folder, "secret.toml");
  const cluster = '[cluster]\nnode = "a"\ntoken = ';
  writeFileSync(file, `${cluster}"first-of-them"\n`);
  const program = serve([file]);
  await program.ready();
  writeFileSync(file, `${cluster}"second-of-them"\nconnect = ["https://x.example/?jwt=third-of-them"]\n`);
  program.kill("SIGHUP");
  await program.says(/"cluster\.token".*reloaded/);
  await program.says(/"cluster\.connect.*these keys changed and need a restart/);
  program.kill("SIGTERM");
  assert.equal(await program.ends(), 0);
  assert.doesNotMatch(program.stdout, /of-them/);
});

test("counts a changed password as a change, and logs no password of an unreachable Redis", async () => {
  const file = join(folder, "redis.toml");
  const config = (password: string) =>
    `[cluster]\nnode = "a"\nserve_root = true\nregistry = "redis://u:${password}@127.0.0.1:1/0"\n`;
  writeFileSync(file, config("first-of-them"));
  const program = serve([file]);
  await program.says(/registry Redis unreachable/);
  writeFileSync(file, config("second-of-them"));
  program.kill("SIGHUP");
  await program.says(/"cluster\.registry".*these keys changed and need a restart/);
  program.kill("SIGTERM");
  assert.equal(await program.ends(), 0);
  assert.doesNotMatch(program.stdout + program.stderr, /of-them/);
});

test("exits with 3 before it opens anything when the configuration is invalid", async () => {
  const program = serve(["--limits.sessions", "0"]);
  assert.equal(await program.ends(), 3);
  assert.match(program.stderr, /flag --limits\.sessions: limits\.sessions: must be at least 1/);
  assert.equal(program.stdout, "");
});

test("exits with 1 and names the socket when the port is in use", async () => {
  const taken = createServer();
  const port = await new Promise<number>((resolve) => {
    taken.listen(0, "127.0.0.1", () => {
      const address = taken.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  const program = serve(["--port", String(port)]);
  assert.equal(await program.ends(), 1);
  assert.match(program.stderr, new RegExp(`^moqmesh: .*${port}`));
  taken.close();
});

test("on an older Node starts the one installed with the package, and passes signals and exit codes on", async () => {
  const options = { execArgv: ["--import", OLD_NODE] };
  const check = run(["check", "--limits.sessions", "0"], options);
  assert.equal(await check.ends(), 3);
  assert.match(check.stderr, /must be at least 1/);
  const program = serve([], options);
  await program.ready();
  program.kill("SIGTERM");
  assert.equal(await program.ends(), 0);
  assert.match(program.stdout, /"relay closed"/);
});

test("a relay that an older Node starts is one process, and that of the installed Node", async () => {
  for (const old of [OLD_NODE, ...(missingEngine() === false ? [OLDER_NODE] : [])]) {
    const program = serve([], { execArgv: ["--import", old] });
    await program.ready();
    const { pid } = program.child;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    assert.deepEqual([command.includes("--import"), command[1]], [false, BIN]);
    assert.equal(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"), "");
    program.kill("SIGTERM");
    assert.equal(await program.ends(), 0);
  }
});

test("bin/moqmesh becomes the program, with the Node of PATH or, through a link, with the installed one", async () => {
  const launcher = BIN.replace(/\.js$/, "");
  const link = join(folder, "moqmesh");
  symlinkSync(launcher, link);
  const noNode = join(folder, "programs");
  mkdirSync(noNode);
  for (const name of ["readlink", "uname", "tr"])
    symlinkSync(execFileSync("which", [name]).toString().trim(), join(noNode, name));
  for (const [file, path] of [
    [launcher, `${dirname(process.execPath)}:/usr/bin:/bin`],
    [link, noNode],
  ] as const) {
    const child = spawn(file, ["serve", ...QUIET, "--tls.state_dir", folder], { env: { PATH: path } });
    const [line] = await once(child.stdout, "data");
    const { pid } = child;
    const [node, program] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null], String(line));
    assert.match(node ?? "", /node$/);
    assert.deepEqual([program, children], [BIN, ""]);
  }
});

test("on an older Node without the installed one says in one line what to do", async () => {
  const bin = join(folder, "alone", "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(folder, "alone", "package.json"), '{"type":"module"}');
  copyFileSync(BIN, join(bin, "moqmesh.js"));
  const program = run(["--version"], { execArgv: ["--import", OLD_NODE], bin: join(bin, "moqmesh.js") });
  assert.equal(await program.ends(), 1);
  assert.match(program.stderr, /^moqmesh needs Node 24 or newer .*npm install node@24.*\n$/);
});
