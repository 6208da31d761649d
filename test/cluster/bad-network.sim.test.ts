/** A mesh behind a bad network in which no relay fails: `npm run sim -- --bad-network` runs it for longer. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { badNetwork } from "../../lab/sim/index.ts";

describe("a mesh behind a round trip of 150 ms, 50 ms of jitter and 5 % loss", () => {
  it("suspects no relay and loses no link in a minute", async () => {
    const { suspicions, linksLost, groups } = await badNetwork({
      seed: 1,
      seconds: 60,
      roundTripMs: 150,
      jitterMs: 50,
      loss: 0.05,
    });
    assert.deepEqual([suspicions, linksLost], [0, 0]);
    assert.ok(groups > 50, `${groups} groups`);
  });
});
