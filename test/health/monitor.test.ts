import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Check } from "../../relay/health/contract.ts";
import { Damped } from "../../relay/health/damped.ts";
import { HealthMonitor } from "../../relay/health/monitor.ts";
import { captureLog } from "../support/log.ts";

/** The states after each result; `x` is a bad result, `.` a good one. */
function states(results: string, failures: number, successes: number): string {
  const damped = new Damped({ failures, successes });
  return [...results]
    .map((result) => {
      damped.add(result === "x");
      return damped.failing === true ? "F" : "-";
    })
    .join("");
}

describe("the state of a check", () => {
  test("is that of the first result at once", () => {
    assert.equal(states("x", 3, 2), "F");
    assert.equal(states(".", 3, 2), "-");
  });

  test("changes after so many results in a row, and a single one in between begins the count again", () => {
    assert.equal(states("..xx.xxx.x..", 3, 2), "-------FFFF-");
    assert.equal(states("x.x.x..", 1, 2), "FFFFFF-");
  });

  test("does not flap while good and bad results alternate", () => {
    assert.equal(states(`..${"x.".repeat(20)}`, 2, 2), "-".repeat(42));
  });
});

const ONCE = { failures: 1, successes: 1 };

function monitored(checks: (clock: ManualClock) => readonly Check[]) {
  const clock = new ManualClock();
  const { log, entries } = captureLog();
  const monitor = new HealthMonitor({ clock, wallNow: () => 1_000_000 + clock.now(), log });
  monitor.setLife("ready");
  monitor.start(checks(clock));
  return { clock, monitor, entries };
}

describe("the health monitor", () => {
  test("is not ready for the state of the relay's life, whatever the checks find", () => {
    const { monitor } = monitored(() => []);
    assert.deepEqual([monitor.codes, monitor.report().ready], [[], true]);
    for (const life of ["starting", "draining", "closed"] as const) {
      monitor.setLife(life);
      const { ready, live, reasons } = monitor.report();
      assert.deepEqual([monitor.codes, ready, live, reasons.map(({ code }) => code)], [[life], false, true, [life]]);
    }
  });

  test("reports a failing check with its message, its age and since when, and logs its begin and its end", () => {
    let finding: string | undefined = "all is lost";
    const { clock, monitor, entries } = monitored(() => [
      { code: "memory_high", severity: "not_ready", damping: ONCE, everyMs: 1_000, run: () => finding },
    ]);
    clock.advance(500);
    const reason = { code: "memory_high", message: "all is lost", since: 1_000_000 };
    assert.deepEqual(monitor.report(), {
      ready: false,
      live: true,
      reasons: [reason],
      warnings: [],
      checks: [{ ...reason, severity: "not_ready", state: "failing", ageMs: 500 }],
    });
    assert.deepEqual(monitor.failures(), { memory_high: 1 });
    finding = undefined;
    clock.advance(500);
    assert.deepEqual([monitor.codes, monitor.failures()], [[], { memory_high: 0 }]);
    assert.deepEqual(
      entries.map(({ msg, code, reason: why }) => [msg, code, why]),
      [
        ["health check fails", "memory_high", "all is lost"],
        ["health check passes again", "memory_high", undefined],
      ],
    );
  });

  test("stays ready for a warning", () => {
    const { monitor } = monitored(() => [
      { code: "clock_jumped", severity: "warning", damping: ONCE, everyMs: 1_000, run: () => "packets are lost" },
    ]);
    const { ready, reasons, warnings } = monitor.report();
    assert.deepEqual([ready, reasons, warnings.map(({ code }) => code)], [true, [], ["clock_jumped"]]);
  });

  test("counts a check that does not answer as failing, without a second run beside it, and goes on when it answers", async () => {
    let runs = 0;
    let answer = () => {};
    const { clock, monitor } = monitored(() => [
      {
        code: "file_descriptors",
        severity: "not_ready",
        damping: { failures: 2, successes: 1 },
        everyMs: 1_000,
        timeoutMs: 2_000,
        run: async () => {
          runs += 1;
          await new Promise<void>((resolve) => {
            answer = resolve;
          });
          return undefined;
        },
      },
    ]);
    assert.deepEqual([monitor.report().checks[0]?.state, monitor.codes], ["unknown", []]);
    clock.advance(2_000);
    assert.equal(monitor.report().reasons[0]?.message, "no answer within 2000 ms");
    clock.advance(10_000);
    assert.equal(runs, 1);
    answer();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(monitor.codes, []);
    clock.advance(1_250);
    assert.equal(runs, 2);
    await monitor.close();
    assert.equal(clock.pending, 0);
  });

  test("waits at its end for checks that have files, at most a second", async () => {
    const { promise, resolve: answer } = Promise.withResolvers<undefined>();
    const checks = (hasFiles: boolean): Check[] => [
      {
        code: "state_folder_unwritable",
        severity: "warning",
        damping: ONCE,
        everyMs: 1_000,
        ...(hasFiles && { hasFiles }),
        run: () => promise,
      },
    ];
    const without = monitored(() => checks(false));
    await without.monitor.close();
    assert.equal(without.clock.pending, 0);

    const hangs = monitored(() => checks(true));
    let closed = false;
    const closing = hangs.monitor.close().then(() => {
      closed = true;
    });
    hangs.clock.advance(999);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(closed, false);
    hangs.clock.advance(1);
    await closing;

    const answers = monitored(() => checks(true));
    const ends = answers.monitor.close();
    answer(undefined);
    await ends;
    assert.equal(answers.clock.pending, 0);
  });

  test("counts a check that throws or rejects as failing, with the message of its error", async () => {
    const damping = ONCE;
    const { monitor } = monitored(() => [
      {
        code: "memory_high",
        severity: "not_ready",
        damping,
        everyMs: 1_000,
        run: () => {
          throw new Error("no such file");
        },
      },
      {
        code: "clock_jumped",
        severity: "not_ready",
        damping,
        everyMs: 1_000,
        run: () => Promise.reject(new Error("not permitted")),
      },
    ]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      monitor.report().reasons.map(({ code, message }) => `${code}: ${message}`),
      ["memory_high: no such file", "clock_jumped: not permitted"],
    );
  });

  test("confirms a change sooner than it checks otherwise", () => {
    const bad = [false, true, true, true];
    const runs: number[] = [];
    const { clock, monitor } = monitored((at) => [
      {
        code: "memory_high",
        severity: "not_ready",
        damping: { failures: 3, successes: 2 },
        everyMs: 5_000,
        againMs: 500,
        run: () => {
          runs.push(at.now());
          return bad.shift() === true ? "bad" : undefined;
        },
      },
    ]);
    clock.advance(10_000);
    assert.deepEqual(runs.slice(0, 6), [0, 5_000, 5_500, 6_000, 11_000].slice(0, 4));
    assert.deepEqual(monitor.codes, ["memory_high"]);
  });

  test("is live until a check that only a restart mends has failed for long", () => {
    let stuck = true;
    const { clock, monitor } = monitored(() => [
      {
        code: "node_taken",
        severity: "not_ready",
        damping: ONCE,
        everyMs: 1_000,
        restartAfterMs: 30_000,
        run: () => (stuck ? "worker 1 does not answer" : undefined),
      },
    ]);
    clock.advance(29_000);
    assert.deepEqual([monitor.report().ready, monitor.report().live], [false, true]);
    clock.advance(1_000);
    assert.deepEqual([monitor.live, monitor.report().live], [false, false]);
    stuck = false;
    clock.advance(1_000);
    assert.deepEqual([monitor.report().ready, monitor.report().live], [true, true]);
  });
});
