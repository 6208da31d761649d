/** What becomes of a relay whose standard output cannot be written. */
import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Program, QUIET } from "./support/process.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-output-"));
after(() => rmSync(folder, { recursive: true }));

const running: Program[] = [];
afterEach(async () => {
  for (const program of running.splice(0)) {
    program.kill("SIGKILL");
    await program.ends();
  }
});

function start(args: readonly string[], options?: ConstructorParameters<typeof Program>[1]): Program {
  const program = new Program(["serve", ...QUIET, "--tls.state_dir", join(folder, "state"), ...args], options);
  running.push(program);
  return program;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until the admin listener answers. */
async function lives(admin: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${admin}/health/ready`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    await delay(50);
  }
}

async function linesLost(admin: number): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  return Number(/^moqmesh_log_lines_lost_total (\d+)$/m.exec(metrics)?.[1]);
}

/** A configuration whose every reload logs some hundred kilobytes. */
function wordy(name: string): { file: string; break: () => void } {
  const file = join(folder, name);
  writeFileSync(file, "");
  const keys = Array.from({ length: 4_000 }, (_, i) => `unheard_of_${i} = 1`);
  return { file, break: () => writeFileSync(file, `[limits]\n${keys.join("\n")}\n`) };
}

test("a relay whose log nobody reads any more goes on, and ends when it is told to", async () => {
  const config = wordy("still.toml");
  const program = start([config.file]);
  const { admin } = await program.ready();
  program.child.stdout?.pause();
  config.break();
  while ((await linesLost(admin)) === 0) {
    program.kill("SIGHUP");
    await delay(20);
  }
  program.kill("SIGTERM");
  assert.equal(await new Promise((resolve) => program.child.once("exit", resolve)), 0);
  program.child.stdout?.resume();
});

test("a relay whose log is read again says how many lines were lost", async () => {
  const config = wordy("slow.toml");
  const program = start([config.file]);
  const { admin } = await program.ready();
  program.child.stdout?.pause();
  config.break();
  while ((await linesLost(admin)) === 0) {
    program.kill("SIGHUP");
    await delay(20);
  }
  program.child.stdout?.resume();
  await program.says(/"level":"warn".*"lines":\d+,"why":"the reader is too slow","msg":"log lines were lost"/);
});

for (const format of ["json", "pretty"]) {
  test(`a relay that logs ${format} goes on when the reader of its log has gone`, async () => {
    const admin = await freePort();
    const program = start(["--http.admin_port", String(admin), "--log.format", format]);
    program.child.stdout?.destroy();
    program.child.stderr?.destroy();
    await lives(admin);
    while ((await linesLost(admin)) === 0) program.kill("SIGHUP");
    program.kill("SIGTERM");
    assert.equal(await new Promise((resolve) => program.child.once("exit", resolve)), 0);
  });

  test(`a relay that logs ${format} goes on when the disk under its log is full`, async () => {
    const full = openSync("/dev/full", "w");
    const admin = await freePort();
    const program = start(["--http.admin_port", String(admin), "--log.format", format], { stdout: full });
    closeSync(full);
    await lives(admin);
    program.kill("SIGHUP");
    await lives(admin);
    program.kill("SIGTERM");
    assert.equal(await program.ends(), 0);
    assert.equal(program.stderr, "");
  });
}
