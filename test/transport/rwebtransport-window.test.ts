import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Window } from "../../transport/rwebtransport/window.ts";

describe("the window of an rwebtransport link", () => {
  it("is a whole number of bytes for every measured rate", () => {
    const step = fc.record({ bytes: fc.integer({ min: 1, max: 200_000 }), ms: fc.integer({ min: 1, max: 400 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 3, maxLength: 40, size: "max" }), (steps) => {
        const window = new Window();
        let now = 0;
        for (const { bytes, ms } of steps) {
          now += ms;
          window.acked(bytes, true, now);
          if (bytes % 7 === 0) window.stalled();
          assert.ok(Number.isInteger(window.slice) && window.slice > 0, `a slice of ${window.slice} bytes`);
          assert.ok(window.slice <= 64 * 1024 && window.size >= 16 * 1024 && window.size <= 1024 * 1024);
        }
      }),
    );
  });
});
