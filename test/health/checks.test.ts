import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { clockCheck } from "../../relay/health/clock-jump.ts";
import { engineWorkersCheck } from "../../relay/health/engine-workers.ts";
import { EventLoopDelay, eventLoopCheck } from "../../relay/health/event-loop.ts";
import { MemoryMeter, memoryCheck, residentBytes } from "../../relay/health/memory.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { missingEngine, nativeClient } from "../support/engines.ts";
import { until } from "../support/until.ts";

describe("the event loop", () => {
  test("that was blocked for 100 ms shows it once, and not again", async () => {
    const delay = new EventLoopDelay(systemClock, () => 200);
    const turn = () => new Promise((resolve) => setTimeout(resolve, 60));
    await turn();
    delay.read();
    const end = performance.now() + 200;
    while (performance.now() < end);
    assert.ok(delay.read() >= 140, `${delay.worstMs} ms before the next beat`);
    await turn();
    assert.ok(delay.read() >= 140, `${delay.worstMs} ms after it`);
    // Other programs may block this one as well, but not for ever.
    await until(() => delay.read() < 140, "a beat in time");
    delay.close();
  });

  test("that was blocked for the limit is found at once", () => {
    let worst = 0;
    const check = eventLoopCheck({ read: () => worst }, () => 1_000);
    assert.equal(check.run(), undefined);
    worst = 999.4;
    assert.equal(check.run(), undefined);
    worst = 2_000;
    assert.match(String(check.run()), /blocked for 2000 ms, and 1000 ms is the limit/);
    assert.deepEqual([check.damping.failures, check.everyMs], [1, 250]);
  });

  test("of a clock that is turned by hand is never blocked", () => {
    const clock = new ManualClock();
    const delay = new EventLoopDelay(clock, () => 1_000);
    clock.advance(10_000);
    assert.equal(delay.read(), 0);
    delay.close();
    assert.equal(clock.pending, 0);
  });
});

describe("the threads of the engine", () => {
  const pulse = (silentMs: number) => ({ silentMs, links: 7, busySeconds: 0, queued: 0 });

  test("are stuck when one has not answered for five seconds", () => {
    let silent = [0, 4_999];
    const check = engineWorkersCheck(() => silent.map(pulse), 30_000);
    assert.equal(check.run(), undefined);
    silent = [0, 12_000];
    assert.equal(check.run(), "thread 1 of the engine has not answered for 12 s; 7 links stand still");
    silent = [5_000, 12_000, 6_000];
    assert.match(String(check.run()), /^thread 0 .* for 5 s; 7 links stand still, and so do 2 more$/);
    silent = [1, 0, 0];
    assert.equal(check.run(), undefined);
    assert.equal(check.restartAfterMs, 25_000, "30 s after the last answer");
  });

  test("of the native engine answer", { skip: missingEngine() }, async () => {
    const engine = await nativeClient();
    for (let question = 0; question < 3; question++) {
      // A thread that does not run never answers the first question, so its silence only grows.
      await until(() => engine.pulses()[0]?.silentMs === 0);
    }
    assert.deepEqual(
      engine.pulses().map(({ links }) => links),
      [0],
    );
  });
});

describe("memory", () => {
  test("is found high from the threshold on, and free again three points below it", () => {
    let usedBytes = 0;
    const check = memoryCheck({ read: () => ({ usedBytes, limitBytes: 1_000 * 2 ** 20 }) }, () => 90);
    const at = (percent: number) => {
      usedBytes = percent * 10 * 2 ** 20;
      return check.run() !== undefined;
    };
    assert.deepEqual([50, 89, 90, 88, 87.5, 86.9, 88, 90].map(at), [
      false,
      false,
      true,
      true,
      true,
      false,
      false,
      true,
    ]);
    assert.equal(check.run(), "the process uses 900 MiB of 1000 MiB of memory (90 %), and 90 % is the limit");
  });

  test("is the larger of the process's own and the cgroup's", () => {
    const own = new MemoryMeter(2 ** 40, () => undefined).read();
    assert.ok(own.usedBytes > 2 ** 24 && own.usedBytes < 2 ** 34, String(own.usedBytes));
    assert.equal(own.limitBytes, 2 ** 40);
    assert.equal(new MemoryMeter(2 ** 40, () => 2 ** 39).read().usedBytes, 2 ** 39);
    assert.ok(new MemoryMeter(2 ** 40).read().usedBytes > 2 ** 24, "also with the cgroup of this machine");
  });

  test("is what it was before while the process cannot read it, as without a free file descriptor", () => {
    assert.equal(
      residentBytes(() => 2 ** 30),
      2 ** 30,
    );
    const fails = () => {
      throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
    };
    assert.equal(residentBytes(fails), 2 ** 30);
    assert.ok(residentBytes() < 2 ** 34);
  });
});

describe("the wall clock", () => {
  test("that jumps is shown for five minutes; one that is slewed is not", () => {
    const clock = new ManualClock();
    let ahead = 0;
    const check = clockCheck({ clock, wallNow: () => 1_000_000 + clock.now() + ahead });
    const after = (ms: number, jump: number) => {
      clock.advance(ms);
      ahead += jump;
      return check.run();
    };
    assert.equal(after(1_000, 0), undefined);
    assert.equal(after(1_000, 1), undefined);
    assert.match(String(after(1_000, -3_600_000)), /jumped back by 3600\.0 s/);
    assert.match(String(after(299_000, 0)), /jumped back/);
    assert.equal(after(1_000, 0), undefined);
    assert.match(String(after(1_000, 2_500)), /jumped forwards by 2\.5 s/);
  });
});
