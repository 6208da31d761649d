import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Scheduler } from "../../moq/model/scheduler.ts";

const plain = <T>(work: () => T) => work();

/** Work of so many units that notes each of its pieces. */
function work(share: { left: number; readonly open: boolean }, units: number, each: () => void): () => boolean {
  let left = units;
  return () => {
    while (left > 0 && share.open) {
      left -= 1;
      share.left -= 1;
      each();
    }
    return left === 0;
  };
}

describe("the share of a session", () => {
  it("is used at once, and work beyond it goes on in the next turn", () => {
    const clock = new ManualClock();
    const share = new Scheduler(clock).share(plain);
    let done = 0;
    const job = work(share, 5000, () => done++);
    assert.equal(job(), false);
    assert.ok(done >= 2048 && done < 3000, `${done} units in the first turn`);
    share.enqueue(job);
    const first = done;
    clock.advance(0);
    assert.equal(done, 5000, `${5000 - first} in the next turn, which no other session needs`);
    assert.equal(share.hasQueued, false);
  });

  it("is served in turn with the shares of other sessions", () => {
    const clock = new ManualClock();
    const scheduler = new Scheduler(clock);
    const order: string[] = [];
    for (const name of ["a", "b", "c"]) {
      const share = scheduler.share(plain);
      share.enqueue(work(share, 1000, () => order.push(name)));
    }
    clock.advance(0);
    assert.deepEqual(new Set(order.slice(0, 768)), new Set(["a", "b", "c"]));
    assert.equal(order.length, 3000);
  });

  it("is bounded by the turn of all sessions, in units and in time", () => {
    const clock = new ManualClock();
    const scheduler = new Scheduler(clock);
    const turns: number[] = [];
    let done = 0;
    for (let i = 0; i < 100; i++) {
      const share = scheduler.share(plain);
      share.enqueue(work(share, 1000, () => done++));
    }
    const timer = clock.timer.bind(clock);
    clock.timer = (delay, callback) =>
      timer(delay, () => {
        const before = done;
        callback();
        turns.push(done - before);
      });
    clock.advance(0);
    assert.equal(done, 100_000);
    assert.ok(Math.max(...turns) <= 8192 + 256, `${Math.max(...turns)} units in a turn`);
    let now = 0;
    const slow = new Scheduler({ now: () => now, timer: () => () => {}, soon: queueMicrotask }).share(plain);
    let slept = 0;
    work(slow, 100_000, () => {
      slept++;
      now += 0.1;
    })();
    assert.ok(slept <= 600, `${slept} pieces of 0.1 ms before the rest had to wait`);
  });

  it("runs queued jobs in order, and adds no job for later twice", () => {
    const clock = new ManualClock();
    const share = new Scheduler(clock).share(plain);
    const log: string[] = [];
    const say = (what: string) => () => log.push(what) > 0;
    for (const what of ["one", "two", "three"]) share.enqueue(say(what));
    const job = say("job");
    share.later(job);
    share.later(job);
    clock.advance(0);
    assert.deepEqual(log, ["one", "two", "three", "job"]);
  });

  it("has no jobs after its session has ended", () => {
    const clock = new ManualClock();
    const share = new Scheduler(clock).share(plain);
    const never = () => assert.fail("it is over");
    share.enqueue(() => {
      share.end();
      return false;
    });
    share.enqueue(never);
    share.later(never);
    clock.advance(0);
    assert.equal(share.hasQueued, false);
    assert.equal(clock.pending, 0);
  });
});
