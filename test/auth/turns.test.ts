/** Work that many clients ask for at once. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Turns } from "../../auth/turns.ts";
import { ManualClock } from "../../lab/network/index.ts";

function turns(most: number, waiting: number) {
  const clock = new ManualClock();
  const options = { most, waiting, waitMs: 100, what: "clients wait" };
  const auth = { now: () => clock.now(), wallNow: () => 0, timer: clock.timer.bind(clock) };
  return { clock, turns: new Turns({ ...options, clock: auth }) };
}

/** Work that ends when it is asked to. */
class Work {
  readonly begun: number[] = [];
  readonly #ends: ((fails: boolean) => void)[] = [];

  start(number: number): () => Promise<number> {
    return () =>
      new Promise((resolve, reject) => {
        this.begun.push(number);
        this.#ends[number] = (fails) => (fails ? reject(new Error("no")) : resolve(number));
      });
  }

  async end(number: number, fails = false): Promise<void> {
    this.#ends[number]?.(fails);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("turns", () => {
  it("run a number of pieces of work at once, and the others in order", async () => {
    const { turns: two } = turns(2, 10);
    const work = new Work();
    const all = [0, 1, 2, 3].map((number) => two.run(work.start(number)));
    await work.end(9);
    assert.deepEqual(work.begun, [0, 1]);
    await work.end(1);
    assert.deepEqual(work.begun, [0, 1, 2]);
    assert.equal(two.size, 3);
    for (const number of [0, 2, 3]) await work.end(number);
    assert.deepEqual(await Promise.all(all), [0, 1, 2, 3]);
    assert.equal(two.size, 0);
  });

  it("go on after work that failed", async () => {
    const { turns: one } = turns(1, 10);
    const work = new Work();
    const failing = assert.rejects(one.run(work.start(0)), /no/);
    const next = one.run(work.start(1));
    await work.end(0, true);
    await failing;
    await work.end(1);
    assert.equal(await next, 1);
  });

  it("refuse those for whom there is no room to wait, and those who waited for too long", async () => {
    const { clock, turns: one } = turns(1, 1);
    const work = new Work();
    const first = one.run(work.start(0));
    const second = assert.rejects(one.run(work.start(1)), { code: "busy", message: /for 100 ms: try again/ });
    await assert.rejects(one.run(work.start(2)), { code: "busy", message: /too many clients wait: try again/ });
    clock.advance(100);
    await second;
    await work.end(0);
    assert.equal(await first, 0);
    // The place is free again.
    const third = one.run(work.start(3));
    await work.end(3);
    assert.equal(await third, 3);
    assert.deepEqual(work.begun, [0, 3]);
  });
});
