import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { alignedClock } from "../../relay/host/aligned-clock.ts";

describe("timers of work in the background", () => {
  test("fire together at multiples of 250 ms, never early", () => {
    const clock = new ManualClock();
    const aligned = alignedClock(clock);
    const fired: string[] = [];
    const note = (name: string) => () => void fired.push(`${name} ${clock.now()}`);
    clock.advance(10);
    aligned.timer(1_000, note("a"));
    clock.advance(70);
    aligned.timer(1_000, note("b"));
    aligned.timer(250, note("c"));
    assert.equal(clock.pending, 2, "one timer for each moment");
    clock.advance(2_000);
    assert.deepEqual(fired, ["c 500", "a 1250", "b 1250"]);
  });

  test("that a callback sets belong to the next moment, and each step takes no longer", () => {
    const clock = new ManualClock();
    const aligned = alignedClock(clock);
    const times: number[] = [];
    const beat = () => {
      times.push(clock.now());
      aligned.timer(250, beat);
    };
    beat();
    clock.advance(1_000);
    assert.deepEqual(times, [0, 250, 500, 750, 1_000]);
  });

  test("shorter than 250 ms are exact", () => {
    const clock = new ManualClock();
    let at = 0;
    clock.advance(3);
    alignedClock(clock).timer(249, () => {
      at = clock.now();
    });
    clock.advance(300);
    assert.equal(at, 252);
  });

  test("that are cancelled leave nothing, also when another one of the same moment cancels them", () => {
    const clock = new ManualClock();
    const aligned = alignedClock(clock);
    const cancels = [1, 2].map(() => aligned.timer(500, () => assert.fail("cancelled")));
    for (const cancel of cancels) cancel();
    assert.equal(clock.pending, 0);
    let cancelLater = () => {};
    let fired = 0;
    aligned.timer(500, () => {
      fired++;
      cancelLater();
    });
    cancelLater = aligned.timer(500, () => assert.fail("cancelled"));
    clock.advance(500);
    assert.deepEqual([fired, clock.pending], [1, 0]);
  });

  test("that throw do not hold up the others", () => {
    const clock = new ManualClock();
    const aligned = alignedClock(clock);
    let fired = 0;
    aligned.timer(250, () => {
      throw new Error("broken");
    });
    aligned.timer(250, () => fired++);
    assert.throws(() => clock.advance(250), /broken/);
    assert.equal(fired, 1);
  });
});
