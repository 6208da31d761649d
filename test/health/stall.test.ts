import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { mainStack } from "../../relay/health/stack-sample.ts";
import { SAMPLE_EVERY_MS, type Stall, StallWatch } from "../../relay/health/stall-watch.ts";
import { until } from "../support/until.ts";

interface Line {
  readonly msg?: string;
  readonly code?: string;
  readonly silentMs?: number;
  readonly stack?: readonly string[];
  readonly why?: string;
}

/** Lines of the log of a relay in a process of its own, and its standard input. */
async function withProcess(
  use: (lines: () => readonly Line[], say: (text: string) => void) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-stall-"));
  const settings = ["--server.host=127.0.0.1", "--server.port=0", "--http.admin=false", "--log.format=json"];
  const program = fileURLToPath(new URL("./stalled-relay.ts", import.meta.url));
  const child = spawn(process.execPath, [program, ...settings, `--tls.state_dir=${folder}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  const lines = () =>
    text
      .split("\n")
      .slice(0, -1)
      .map((one): Line => JSON.parse(one));
  try {
    await until(() => lines().some(({ msg = "" }) => ["listening", "relay ready"].includes(msg)), "the relay listens");
    await use(lines, (line) => child.stdin.write(`${line}\n`));
    child.kill("SIGTERM");
    assert.equal(await ended, 0, "the relay ends in good order");
  } finally {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
}

test("a relay whose event loop is blocked logs in which function, with its file, and no values", () =>
  withProcess(async (lines, say) => {
    say("spin 2500");
    const stalls = () => lines().filter(({ code, stack }) => code === "event_loop_blocked" && stack !== undefined);
    await until(() => stalls().length === 1, "a stack in the log");
    const [line] = stalls();
    // The innermost ones are those of the clock that it reads.
    assert.match(
      line?.stack?.find((frame) => !/^now\b/.test(frame)) ?? "",
      /^spinInThisFunction \(test\/health\/stalled-relay\.ts:\d+\)$/,
    );
    assert.ok((line?.silentMs ?? 0) >= 1_000);
    assert.ok((line?.stack?.length ?? 0) <= 24);
    assert.doesNotMatch(JSON.stringify(line), /2500/);
  }));

test("a relay that waits in native code says so, and lives on", () =>
  withProcess(async (lines, say) => {
    say("wait 3500");
    await until(() => lines().some(({ why }) => why !== undefined), "a line without a stack");
    const line = lines().find(({ why }) => why !== undefined);
    assert.deepEqual([line?.code, line?.stack], ["event_loop_blocked", []]);
    assert.match(line?.why ?? "", /runs no JavaScript/);
  }));

describe("the watch of stalls", () => {
  interface Course {
    readonly watch: StallWatch;
    readonly reported: Stall[];
    readonly written: Stall[];
    readonly samples: () => number;
    /** Looks after `ms` more, while the main thread is silent for `silentMs`. */
    look(ms: number, silentMs: number | undefined): Promise<void>;
  }

  function course(): Course {
    let [now, silence, samples]: [number, number | undefined, number] = [0, 0, 0];
    const reported: Stall[] = [];
    const written: Stall[] = [];
    const watch = new StallWatch({
      silentMs: () => silence,
      blockedMs: 1_000,
      sample: async () => {
        samples++;
        return await Promise.resolve({ frames: ["f (a.ts:1)"], share: 1 });
      },
      report: (stall) => reported.push(stall),
      write: (stall) => written.push(stall),
      now: () => now,
    });
    const look = async (ms: number, silentMs: number | undefined) => {
      now += ms;
      silence = silentMs;
      await watch.look();
    };
    return { watch, reported, written, samples: () => samples, look };
  }

  test("samples nothing while the main thread lives, or has given no sign of life yet", async () => {
    const { look, samples } = course();
    for (const silence of [undefined, 0, 250, 999, undefined]) await look(250, silence);
    assert.equal(samples(), 0);
  });

  test("does not take a machine that was suspended for a stall", async () => {
    const { look, samples } = course();
    for (const silence of [0, 3_600_000, 0, 0]) await look(250, silence);
    assert.equal(samples(), 0);
  });

  test("gives the sample to the main thread when that is back", async () => {
    const { look, reported, written } = course();
    for (const silence of [1_000, 1_250, 1_500]) await look(250, silence);
    assert.deepEqual([reported.length, written.length], [0, 0]);
    await look(250, 0);
    assert.deepEqual(reported, [{ silentMs: 1_250, sample: { frames: ["f (a.ts:1)"], share: 1 } }]);
    assert.deepEqual(written, []);
  });

  test("writes the line itself when the main thread does not come back", async () => {
    const { look, reported, written } = course();
    for (const silence of [1_000, 1_250]) await look(250, silence);
    await look(1_999, 3_249);
    assert.equal(written.length, 0);
    await look(1, 3_250);
    await look(250, 0);
    assert.deepEqual([reported.length, written.length], [0, 1]);
  });

  test("samples at most once a minute", async () => {
    const { look, reported, samples } = course();
    for (let ms = 0; ms < SAMPLE_EVERY_MS; ms += 2_000) {
      for (const silence of [1_000, 1_250, 0]) await look(500, silence);
      await look(500, 0);
    }
    assert.deepEqual([samples(), reported.length], [1, 1]);
    for (const silence of [1_000, 1_250, 0]) await look(500, silence);
    assert.deepEqual([samples(), reported.length], [2, 2]);
  });
});

test("the stack is that of most looks, bounded in depth and length, with paths from the program's folder", () => {
  const node = (id: number, functionName: string, children: number[] = [], url = "file:///app/a.ts") => ({
    id,
    children,
    callFrame: { functionName, url, lineNumber: id },
  });
  const tree = [node(1, "(root)", [2, 4], ""), node(2, "outer", [3]), node(3, ""), node(4, "(idle)", [], "")];
  assert.deepEqual(mainStack({ nodes: tree, samples: [4, 3, 3, 3] }, "file:///app/"), {
    frames: ["(anonymous) (a.ts:4)", "outer (a.ts:3)"],
    share: 0.75,
  });
  const deep = Array.from({ length: 100 }, (_, index) => node(index, "f".repeat(500), index < 99 ? [index + 1] : []));
  const stack = mainStack({ nodes: deep, samples: [99] }, "file:///elsewhere/");
  assert.equal(stack?.frames.length, 24);
  assert.ok(stack.frames.every((frame) => frame.length <= 160));
  assert.equal(mainStack({ nodes: [], samples: [] }, ""), undefined);
});
