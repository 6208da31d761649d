import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Patience } from "../../web/src/watch/patience.ts";

const LOOK_MS = 250;

/** Seconds after which the relay was dialled again, in a time of which `newest` and `expected` tell second by second. */
function dials(
  seconds: number,
  newest: (second: number) => number | undefined,
  expected: (second: number) => boolean = () => true,
): number[] {
  const patience = new Patience();
  const times: number[] = [];
  for (let ms = 0; ms <= seconds * 1_000; ms += LOOK_MS) {
    const second = Math.floor(ms / 1_000);
    if (patience.look(ms, newest(second), expected(second))) times.push(second);
  }
  return times;
}

describe("a viewer whose relay falls silent", () => {
  it("dials again after three seconds without a new picture, and waits longer each time that this does not help", () => {
    assert.deepEqual(
      dials(60, () => 1),
      [3, 9, 21, 45],
    );
  });

  it("does not dial while pictures arrive, before the first one, or while none is expected", () => {
    assert.deepEqual(
      dials(60, (second) => second),
      [],
    );
    assert.deepEqual(
      dials(60, () => undefined),
      [],
    );
    assert.deepEqual(
      dials(
        60,
        () => 1,
        () => false,
      ),
      [],
    );
  });

  it("waits three seconds again once pictures have arrived for a minute", () => {
    const stops = (second: number) => (second < 70 ? Math.max(second, 4) : 70);
    assert.deepEqual(dials(75, stops), [3, 73]);
  });

  it("dials at most once a minute for a picture that changes rarely", () => {
    const slow = (second: number) => Math.floor(second / 5);
    assert.ok(dials(300, slow).length <= 5, String(dials(300, slow)));
  });
});
