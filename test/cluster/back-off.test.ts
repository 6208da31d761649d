import assert from "node:assert/strict";
import { it } from "node:test";
import { BackOff } from "../../cluster/back-off.ts";

it("a wait doubles with each failure up to the longest, and starts again after a success", () => {
  const backOff = new BackOff({ firstMs: 100, longestMs: 350, random: () => 1 });
  assert.deepEqual([backOff.next(), backOff.next(), backOff.next(), backOff.next()], [100, 200, 350, 350]);
  backOff.reset();
  assert.equal(backOff.next(), 100);
});

it("half of a wait is random", () => {
  const chances = [0, 0.5];
  const backOff = new BackOff({ firstMs: 100, longestMs: 1_000, random: () => chances.shift() ?? 0 });
  assert.deepEqual([backOff.next(), backOff.next()], [50, 150]);
});
