/** A relay whose standard output cannot be written keeps running. */
import assert from "node:assert/strict";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "../../lab/ports.ts";
import { programsForTests } from "./support/process.ts";

const { folder, serve } = programsForTests();

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

/** A relay whose output is not read any more and that has lost lines. */
async function stuck(name: string) {
  const config = wordy(name);
  const program = serve([config.file]);
  const { admin } = await program.ready();
  program.child.stdout?.pause();
  config.break();
  while ((await linesLost(admin)) === 0) {
    program.kill("SIGHUP");
    await delay(20);
  }
  return program;
}

test("a relay whose log has a stuck reader keeps running, and ends on SIGTERM", async () => {
  const program = await stuck("still.toml");
  program.kill("SIGTERM");
  assert.equal(await new Promise((resolve) => program.child.once("exit", resolve)), 0);
  program.child.stdout?.resume();
});

test("a relay logs how many lines were lost once its log is read again", async () => {
  const program = await stuck("slow.toml");
  program.child.stdout?.resume();
  await program.says(/"level":"warn".*"lines":\d+,"why":"the reader is too slow","msg":"log lines were lost"/);
});

for (const format of ["json", "pretty"]) {
  test(`a relay that logs ${format} keeps running when the reader of its log has closed`, async () => {
    const [admin = 0] = await freePorts(1);
    const program = serve(["--http.admin_port", String(admin), "--log.format", format]);
    program.child.stdout?.destroy();
    program.child.stderr?.destroy();
    await lives(admin);
    while ((await linesLost(admin)) === 0) program.kill("SIGHUP");
    program.kill("SIGTERM");
    assert.equal(await new Promise((resolve) => program.child.once("exit", resolve)), 0);
  });

  test(`a relay that logs ${format} keeps running when the disk of its log is full`, async () => {
    const full = openSync("/dev/full", "w");
    const [admin = 0] = await freePorts(1);
    const program = serve(["--http.admin_port", String(admin), "--log.format", format], { stdout: full });
    closeSync(full);
    await lives(admin);
    program.kill("SIGHUP");
    await lives(admin);
    program.kill("SIGTERM");
    assert.equal(await program.ends(), 0);
    assert.equal(program.stderr, "");
  });
}
