import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LostSessions } from "../../bench/load/lost-sessions.ts";
import { sharedMicros } from "../../bench/load/micros.ts";
import { Seen } from "../../bench/load/seen.ts";
import { putStamp, STAMP_BYTES, stampFrame, stampSentUs } from "../../bench/load/stamp.ts";
import { Tally } from "../../bench/load/tally.ts";

describe("clock of all processes", () => {
  it("is the machine's monotonic clock", () => {
    const monotonic = () => Number(process.hrtime.bigint()) / 1_000;
    for (let i = 0; i < 100; i++) {
      const before = monotonic();
      const shared = sharedMicros();
      const after = monotonic();
      assert.ok(shared >= before - 5 && shared <= after + 5, `${before} ${shared} ${after}`);
    }
  });
});

describe("stamp of a frame", () => {
  it("is read as it was written, at any offset", () => {
    const value = fc.maxSafeNat();
    fc.assert(
      fc.property(value, value, fc.nat({ max: 20 }), (frame, sentUs, at) => {
        const bytes = new Uint8Array(at + STAMP_BYTES);
        putStamp(bytes, at, frame, sentUs);
        const stamp = bytes.subarray(at);
        assert.equal(stampFrame(stamp), frame);
        assert.equal(stampSentUs(stamp), sentUs);
      }),
    );
  });
});

describe("received frames", () => {
  it("are counted once each, in any order", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 40 }), fc.array(fc.nat({ max: 99 })), (first, offsets) => {
        const seen = new Seen(100);
        const known = new Set<number>();
        for (const offset of offsets) {
          assert.equal(seen.mark(first + offset), !known.has(offset));
          known.add(offset);
        }
        assert.equal(seen.count, known.size);
      }),
    );
  });
});

describe("tally of viewers", () => {
  const window = { kind: "window", fromUs: 1_000, toUs: 2_000 } as const;

  it("counts what was sent within the window, whenever it arrives", () => {
    const tally = new Tally(2, 10);
    tally.measure(window);
    tally.frame(0, 1, 999, 1_001, 100);
    tally.frame(0, 2, 1_000, 1_010, 100);
    tally.frame(0, 3, 1_999, 2_500, 100);
    tally.frame(1, 3, 1_999, 2_600, 100);
    tally.frame(0, 4, 2_000, 2_500, 100);
    const { received, latencyUs } = tally.report();
    assert.deepEqual(received, [2, 1]);
    assert.equal(latencyUs.max, 601);
  });

  it("counts as traffic what arrives within the window, whenever it was sent", () => {
    const tally = new Tally(1, 10);
    tally.measure(window);
    tally.frame(0, 1, 500, 999, 100);
    tally.frame(0, 2, 500, 1_000, 100);
    tally.frame(0, 3, 1_500, 1_999, 100);
    tally.frame(0, 4, 1_900, 2_000, 100);
    const { arrivedFrames, arrivedBytes } = tally.report();
    assert.deepEqual([arrivedFrames, arrivedBytes], [2, 200]);
  });

  it("times the first frame of each viewer after an outage, and the first one that was sent after it", () => {
    const tally = new Tally(3, 10);
    tally.measure({ ...window, lightUs: 1_500 });
    tally.frame(0, 1, 1_200, 1_499, 100);
    tally.frame(0, 2, 1_210, 1_550, 100);
    tally.frame(0, 3, 1_505, 1_600, 100);
    tally.frame(0, 4, 1_510, 1_700, 100);
    tally.frame(1, 2, 1_210, 1_560, 100);
    assert.deepEqual(tally.report().recoveries, [
      { firstUs: 50, firstAgeUs: 340, liveUs: 100 },
      { firstUs: 60, firstAgeUs: 350 },
    ]);
    tally.measure(window);
    tally.frame(0, 5, 1_600, 1_700, 100);
    assert.deepEqual(tally.report().recoveries, []);
  });

  it("counts a frame that arrives twice once", () => {
    const tally = new Tally(1, 10);
    tally.measure(window);
    tally.frame(0, 7, 1_500, 1_600, 100);
    tally.frame(0, 7, 1_500, 1_700, 100);
    const { received, duplicates } = tally.report();
    assert.deepEqual([received, duplicates], [[1], 1]);
  });

  it("counts nothing before the first window and starts at zero with each", () => {
    const tally = new Tally(1, 10);
    tally.frame(0, 1, 1_500, 1_600, 100);
    assert.deepEqual(tally.report().received, [0]);
    tally.measure(window);
    tally.frame(0, 2, 1_500, 1_600, 100);
    tally.measure({ kind: "window", fromUs: 3_000, toUs: 4_000 });
    const { received, arrivedFrames, latencyUs } = tally.report();
    assert.deepEqual([received, arrivedFrames, latencyUs.counts], [[0], 0, []]);
  });
});

describe("lost sessions", () => {
  it("are counted by reason, with a bound on reasons", () => {
    const lost = new LostSessions();
    lost.add("timeout");
    lost.add("timeout");
    for (let i = 0; i < 100; i++) lost.add(`reason ${i}`);
    const data = lost.data();
    assert.equal(data["timeout"], 2);
    assert.equal(Object.keys(data).length, 9);
    assert.equal(
      Object.values(data).reduce((sum, count) => sum + count, 0),
      102,
    );
  });
});
