import assert from "node:assert/strict";
import { it, mock } from "node:test";
import { systemClock } from "../../transport/shared/system-clock.ts";

it("a timer that a peer made longer than Node can count does not end at once", () => {
  const timers = mock.method(globalThis, "setTimeout");
  const cancel = systemClock.timer(Number.MAX_SAFE_INTEGER, () => {});
  cancel();
  assert.equal(timers.mock.calls[0]?.arguments[1], 2 ** 31 - 1);
  timers.mock.restore();
});
