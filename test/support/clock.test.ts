import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";

describe("the manual clock", () => {
  it("runs timers in the order of their due times, and timers of the same time in the order in which they were set", () => {
    const clock = new ManualClock();
    const ran: string[] = [];
    for (const [name, delay] of [
      ["c", 20],
      ["a", 10],
      ["d", 20],
      ["b", 10],
    ] as const) {
      clock.timer(delay, () => ran.push(`${name}@${clock.now()}`));
    }
    clock.advance(15);
    assert.deepEqual(ran, ["a@10", "b@10"]);
    assert.equal(clock.now(), 15);
    assert.equal(clock.nextAt, 20);
    clock.advance(100);
    assert.deepEqual(ran, ["a@10", "b@10", "c@20", "d@20"]);
    assert.equal(clock.now(), 115);
    assert.equal(clock.pending, 0);
  });

  it("runs a timer that is set and falls due during one advance", () => {
    const clock = new ManualClock();
    const at: number[] = [];
    const again = () => {
      at.push(clock.now());
      clock.timer(10, again);
    };
    clock.timer(10, again);
    clock.advance(35);
    assert.deepEqual(at, [10, 20, 30]);
    clock.timer(-5, () => at.push(clock.now()));
    clock.advance(0);
    assert.deepEqual(at, [10, 20, 30, 35]);
  });

  it("does not run a cancelled timer, also when another timer cancels it", () => {
    const clock = new ManualClock();
    const ran: string[] = [];
    const cancel = clock.timer(10, () => ran.push("never"));
    clock.timer(5, cancel);
    clock.timer(20, () => ran.push("later"));
    clock.advance(30);
    cancel();
    assert.deepEqual(ran, ["later"]);
    assert.equal(clock.pending, 0);
  });

  it("continues after a callback that throws", () => {
    const clock = new ManualClock();
    const ran: number[] = [];
    clock.timer(10, () => {
      throw new Error("a defect");
    });
    clock.timer(10, () => ran.push(clock.now()));
    assert.throws(() => clock.advance(20), /a defect/);
    clock.advance(20);
    assert.deepEqual(ran, [10]);
    assert.equal(clock.now(), 30);
  });

  it("keeps thousands of timers in order", () => {
    const clock = new ManualClock();
    const ran: number[] = [];
    const delays = Array.from({ length: 3000 }, (_, index) => (index * 7919) % 3001);
    const cancels = delays.map((delay) => clock.timer(delay, () => ran.push(delay)));
    for (const [index, cancel] of cancels.entries()) if (index % 3 === 0) cancel();
    clock.advance(5000);
    const expected = delays.filter((_, index) => index % 3 !== 0).sort((a, b) => a - b);
    assert.deepEqual(ran, expected);
  });

  it("lets promises continue between due times", async () => {
    const clock = new ManualClock();
    const wait = (ms: number) => new Promise<void>((resolve) => clock.timer(ms, resolve));
    const seen: number[] = [];
    const work = async () => {
      for (let i = 0; i < 3; i++) {
        await wait(10);
        seen.push(clock.now());
      }
    };
    const working = work();
    await clock.runUntil(() => seen.length === 2);
    assert.equal(clock.now(), 20);
    await clock.run(100);
    assert.deepEqual(seen, [10, 20, 30]);
    assert.equal(clock.now(), 120);
    await working;
  });

  it("settles everything that is due now, however many promises that needs", async () => {
    const clock = new ManualClock();
    let steps = 0;
    const work = async () => {
      for (; steps < 20; steps++) await new Promise<void>((resolve) => clock.timer(0, resolve));
    };
    const working = work();
    await clock.settle();
    assert.equal(steps, 20);
    assert.equal(clock.now(), 0);
    await working;
  });

  it("lets several waits run at once, and each sees what the steps of the others cause", async () => {
    const clock = new ManualClock();
    let knocked = false;
    clock.timer(10, () => {
      knocked = true;
    });
    let answeredAt: number | undefined;
    const patient = clock.runUntil(() => answeredAt !== undefined);
    const other = clock.runUntil(() => knocked).then(() => clock.timer(5, () => (answeredAt = clock.now())));
    clock.timer(1000, () => {});
    await Promise.all([patient, other]);
    assert.equal(answeredAt, 15);
  });

  it("fails when nothing happens in time, and when work at one time never ends", async () => {
    const clock = new ManualClock();
    await assert.rejects(
      clock.runUntil(() => false, 100),
      /within 100 ms/,
    );
    const for_ever = () => void clock.timer(0, () => queueMicrotask(for_ever));
    for_ever();
    await assert.rejects(clock.settle(), /still due/);
  });
});
