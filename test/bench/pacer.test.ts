import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Pacer } from "../../bench/load/pacer.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";

function paced(clock: ManualClock, tracks: number, framesPerSecond: number) {
  const sent: { track: number; at: number }[] = [];
  const pacer = new Pacer(clock, tracks, framesPerSecond, (track) => sent.push({ track, at: clock.now() }));
  pacer.start();
  return { pacer, sent };
}

describe("pacer", () => {
  it("sends every track at its rate", () => {
    const clock = new ManualClock();
    const { sent } = paced(clock, 1, 30);
    clock.advance(10_000);
    assert.equal(sent.length, 301);
  });

  it("spreads the tracks evenly over the interval", () => {
    const clock = new ManualClock();
    const { sent } = paced(clock, 4, 10);
    clock.advance(199);
    assert.deepEqual(
      sent.map(({ track }) => track),
      [0, 1, 2, 3, 0, 1, 2, 3],
    );
    assert.deepEqual(
      sent.map(({ at }) => at),
      [0, 25, 50, 75, 100, 125, 150, 175],
    );
  });

  it("catches up at once after the process was suspended", () => {
    let now = 0;
    let due = (): void => {};
    const clock = {
      now: () => now,
      timer: (_delayMs: number, callback: () => void) => {
        due = callback;
        return () => {};
      },
      soon: queueMicrotask,
    };
    let sent = 0;
    const pacer = new Pacer(clock, 1, 100, () => {
      sent++;
    });
    pacer.start();
    assert.equal(sent, 1);
    now = 505;
    due();
    assert.equal(sent, 51);
  });

  it("sends no more once stopped", () => {
    const clock = new ManualClock();
    const { pacer, sent } = paced(clock, 1, 10);
    pacer.stop();
    clock.advance(1_000);
    assert.equal(sent.length, 1);
  });
});
