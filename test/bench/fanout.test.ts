import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findProgram } from "../../bench/system/find.ts";
import { patient } from "../../scripts/suite/patience.ts";

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));

/** Longest run of a test, in milliseconds: connecting alone may take a minute on a busy machine. */
const TIMEOUT_MS = patient(120_000);

async function bench(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await run(process.execPath, [PROGRAM, ...args]);
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && "stdout" in error && "stderr" in error)) throw error;
    return { code: Number(error.code), out: String(error.stdout), err: String(error.stderr) };
  }
}

describe("npm run bench", { skip: process.platform !== "linux" && "it reads /proc, so it needs Linux" }, () => {
  it("measures a whole fan-out with nothing lost", { timeout: TIMEOUT_MS }, async () => {
    const args = ["--scenario", "small", "--viewers", "5", "--seconds", "1", "--warmup", "0.5", "--json"];
    const { code, out, err } = await bench("fanout", ...args);
    assert.equal(code, 0, err);
    const report: unknown = JSON.parse(out);
    assert.ok(typeof report === "object" && report !== null);
    const figures = new Map<string, unknown>(Object.entries(report));
    assert.equal(figures.get("scenario"), "small");
    assert.equal(figures.get("viewers"), 5);
    assert.equal(figures.get("protocol"), "moq-lite-06");
    assert.equal(figures.get("frames_lost"), 0);
    assert.equal(figures.get("void"), false);
    assert.equal(figures.get("ratio"), null);
    assert.ok(typeof figures.get("engine") === "string");
    // 30 frames a second for each of five viewers; a publisher that waits at an end of the window may send fewer.
    const delivered = figures.get("frames_delivered");
    assert.ok(typeof delivered === "number" && delivered >= 100 && delivered <= 200, `${delivered} frames`);
    for (const name of ["cpu_us_per_frame", "cpu_percent_per_gbps", "rss_kb_per_viewer", "load_cpu_percent"]) {
      assert.ok(Number.isFinite(figures.get(name)), `${name}: ${figures.get(name)}`);
    }
    const compiler = await findProgram("rustc", "RUSTC");
    const [sendmsg, times] = [figures.get("sendmsg_us"), figures.get("times_sendmsg")];
    if (compiler === undefined) assert.deepEqual([sendmsg, times], [null, null]);
    else assert.ok(Number(sendmsg) > 0 && Number(times) > 1, `sendmsg ${sendmsg} us, ${times} times that`);
    const latency = new Map<string, unknown>(Object.entries(figures.get("latency_ms") ?? {}));
    const [p50 = 0, p95 = 0, p99 = 0, max = 0] = ["p50", "p95", "p99", "max"].map((name) => Number(latency.get(name)));
    assert.ok(p50 > 0 && p50 <= p95 && p95 <= p99 && p99 <= max, [...latency].join(" "));
  });

  it("names the error in the command line", { timeout: TIMEOUT_MS }, async () => {
    const { code, out, err } = await bench("fanout", "--viewer", "3");
    assert.equal(code, 2);
    assert.equal(out, "");
    assert.match(err, /did you mean --viewers/);
    assert.equal((await bench("fan")).code, 2);
  });

  it("says why a relay cannot be started", { timeout: TIMEOUT_MS }, async () => {
    const { code, err } = await bench("fanout", "--engine", "no-such-engine", "--json");
    assert.equal(code, 1);
    assert.match(err, /no-such-engine/);
  });

  it("prints its help", { timeout: TIMEOUT_MS }, async () => {
    const { code, out } = await bench("fanout", "--help");
    assert.equal(code, 0);
    assert.match(out, /--against/);
  });
});
