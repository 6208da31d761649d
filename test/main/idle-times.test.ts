import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { SessionUse } from "../../moq/session/index.ts";
import { IdleTimes } from "../../relay/host/idle-times.ts";

const NOTHING: SessionUse = { running: 0, announced: 0, viewing: 0, activity: 0, sentPayload: 0, queuedBytes: 0 };

describe("the idle time of a session", () => {
  for (const what of ["running", "announced", "activity", "sentPayload"] as const) {
    test(`grows until \`${what}\` changes`, () => {
      const clock = new ManualClock();
      const use = { ...NOTHING };
      const session = { use: () => ({ ...use }) };
      const times = new IdleTimes(clock);
      assert.equal(times.of(session), 0);
      clock.advance(7_000);
      assert.equal(times.of(session), 7_000);
      use[what] += 1;
      clock.advance(7_000);
      assert.equal(times.of(session), 0);
      clock.advance(1_000);
      assert.equal(times.of(session), 1_000);
    });
  }

  test("goes on while bytes wait to be sent: nothing new was delivered", () => {
    const clock = new ManualClock();
    const use = { ...NOTHING, queuedBytes: 0 };
    const session = { use: () => ({ ...use }) };
    const times = new IdleTimes(clock);
    times.of(session);
    use.queuedBytes = 9;
    clock.advance(3_000);
    assert.equal(times.of(session), 3_000);
  });
});
