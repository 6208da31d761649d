/** Commands of the operator: one run at a time, the last state wins, and failures are repeated. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Hook, type HookRun, type HookState, RETRY_MS, runCommand } from "../../machine/hook.ts";
import { until } from "../support/until.ts";

interface Run {
  readonly state: HookState;
  end(run?: Partial<HookRun>): void;
}

function setUp() {
  const clock = new ManualClock();
  const runs: Run[] = [];
  const lines: string[] = [];
  const counts = { ok: 0, failed: 0 };
  const hook = new Hook(
    { name: "on_change", command: ["/hook"], timeoutMs: 1_000 },
    {
      clock,
      log: { info: () => {}, warn: (fields) => void lines.push(String("failure" in fields && fields.failure)) },
      ran: (good) => void counts[good ? "ok" : "failed"]++,
      run: (_command, state) =>
        new Promise((resolve) => {
          runs.push({ state, end: (run = {}) => resolve({ code: 0, output: "", ...run }) });
        }),
    },
  );
  const set = (text: string) => hook.set({ MOQMESH_STATE: text });
  const states = () => runs.map(({ state }) => state["MOQMESH_STATE"]);
  return { clock, runs, lines, counts, hook, set, states };
}

describe("a hook", () => {
  test("runs once at a time, and of the states that wait only the last one", async () => {
    const { runs, set, states, counts } = setUp();
    const first = set("ready");
    void set("not_ready");
    void set("ready");
    const last = set("not_ready");
    assert.deepEqual(states(), ["ready"]);
    runs[0]?.end();
    await until(() => runs.length === 2);
    assert.deepEqual(states(), ["ready", "not_ready"]);
    runs[1]?.end();
    await Promise.all([first, last]);
    assert.deepEqual(counts, { ok: 2, failed: 0 });
  });

  test("that fails is repeated until it succeeds", async () => {
    const { clock, runs, set, lines, counts } = setUp();
    const done = set("not_ready");
    runs[0]?.end({ code: 1, failure: "exit code 1" });
    await done;
    assert.deepEqual(lines, ["exit code 1"]);
    clock.advance(RETRY_MS - 1);
    assert.equal(runs.length, 1);
    clock.advance(1);
    assert.equal(runs.length, 2);
    runs[1]?.end();
    await until(() => counts.ok === 1);
    clock.advance(10 * RETRY_MS);
    assert.equal(runs.length, 2);
  });

  test("is not repeated for a state that is over", async () => {
    const { clock, runs, set, states } = setUp();
    const done = set("not_ready");
    runs[0]?.end({ code: 1 });
    await done;
    const next = set("ready");
    runs[1]?.end();
    await next;
    clock.advance(10 * RETRY_MS);
    assert.deepEqual(states(), ["not_ready", "ready"]);
  });

  test("that throws counts as failed, is repeated, and runs for later states", async () => {
    const clock = new ManualClock();
    const outcomes: boolean[] = [];
    const failures: unknown[] = [];
    let sound = false;
    const hook = new Hook(
      { name: "on_change", command: ["/hook"], timeoutMs: 1_000 },
      {
        clock,
        log: { info: () => {}, warn: (fields) => void failures.push("failure" in fields && fields.failure) },
        ran: (good) => void outcomes.push(good),
        run: () => {
          if (sound) return Promise.resolve({ code: 0, output: "" });
          throw new Error("no memory");
        },
      },
    );
    await hook.set({ MOQMESH_STATE: "not_ready" });
    assert.deepEqual([outcomes, failures], [[false], ["no memory"]]);
    sound = true;
    clock.advance(RETRY_MS);
    await until(() => outcomes.length === 2);
    await hook.set({ MOQMESH_STATE: "ready" });
    assert.deepEqual(outcomes, [false, true, true]);
  });

  test("runs no more when it is closed", async () => {
    const { clock, runs, set, hook } = setUp();
    const done = set("not_ready");
    void set("ready");
    hook.close();
    runs[0]?.end({ code: 1 });
    await done;
    await set("ready");
    clock.advance(10 * RETRY_MS);
    assert.equal(runs.length, 1);
  });
});

describe("a command", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqmesh-hook-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const script = async (text: string): Promise<string> => {
    const path = join(folder, "hook.sh");
    await writeFile(path, `#!/bin/sh\n${text}\n`);
    await chmod(path, 0o755);
    return path;
  };

  test("gets its arguments as they are and the state, and no variable of the relay", async () => {
    process.env["MOQMESH_CLUSTER_KEY"] = "secret";
    try {
      const program = await script('[ -n "$PATH" ] && echo "$1|$MOQMESH_STATE|$MOQMESH_CLUSTER_KEY"');
      const { code, output } = await runCommand([program, "$(id) ; *"], { MOQMESH_STATE: "ready" }, 5_000);
      assert.deepEqual([code, output], [0, "$(id) ; *|ready|"]);
    } finally {
      delete process.env["MOQMESH_CLUSTER_KEY"];
    }
  });

  test("that fails says how, and the end of what it wrote", async () => {
    const program = await script("head -c 5000 /dev/zero | tr '\\0' x; echo broken >&2; exit 3");
    const { code, failure, output } = await runCommand([program], {}, 5_000);
    assert.deepEqual([code, failure], [3, "exit code 3"]);
    assert.ok(output.length <= 1_024);
    const missing = await runCommand([join(folder, "none")], {}, 5_000);
    assert.match(missing.failure ?? "", /ENOENT/);
  });

  test("that the system does not start has failed: a NUL character, too long", async () => {
    const program = await script("exit 0");
    for (const [command, state, expected] of [
      [[program], { MOQMESH_REASON: "x\0y" }, /null bytes/],
      [[`${program}\0`], {}, /null bytes/],
      [[program], { MOQMESH_REASON: "x".repeat(8_000_000) }, /E2BIG/],
    ] as const) {
      const { code, failure } = await runCommand(command, state, 5_000);
      assert.equal(code, undefined);
      assert.match(failure ?? "", expected);
    }
  });

  test("without a free file descriptor has failed, and runs again later", async () => {
    const program = await script("exit 0");
    // A process of its own: the one of the tests keeps its file descriptors.
    const source = `
      import { closeSync, openSync } from "node:fs";
      import { runCommand } from ${JSON.stringify(new URL("../../machine/hook.ts", import.meta.url).href)};
      const held = [];
      try { for (;;) held.push(openSync("/dev/null", "r")); } catch {}
      const full = await runCommand([${JSON.stringify(program)}], {}, 5_000);
      for (const one of held) closeSync(one);
      const free = await runCommand([${JSON.stringify(program)}], {}, 5_000);
      console.log(JSON.stringify([full.failure, free.code]));`;
    const shell = 'ulimit -n 64; exec "$0" --input-type=module -e "$1"';
    const { stdout } = await promisify(execFile)("sh", ["-c", shell, process.execPath, source]);
    const [failure, code] = JSON.parse(stdout);
    assert.match(failure, /EMFILE/);
    assert.equal(code, 0);
  });

  test("is killed after its time limit, with what it has started", async () => {
    const pids = join(folder, "pids");
    const program = await script(`sleep 60 & echo $! > ${pids}; wait`);
    const { code, failure } = await runCommand([program], {}, 200);
    assert.equal(code, undefined);
    assert.match(failure ?? "", /killed: it took longer than 200 ms/);
    const pid = Number(await readFile(pids, "utf8"));
    await until(async () => !(await isRunning(pid)));
  });
});

/** False also for a process that has ended and that nothing has waited for. */
async function isRunning(pid: number): Promise<boolean> {
  const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return !state.includes(") Z");
}
