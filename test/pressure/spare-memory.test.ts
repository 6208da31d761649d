/** Memory that is returned after most sessions have ended. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../../lab/network/index.ts";
import { SpareMemory } from "../../relay/pressure/index.ts";

function watched() {
  const clock = new ManualClock();
  const state = { sessions: 0, releases: 0 };
  const spare = new SpareMemory({ clock, sessions: () => state.sessions, release: () => state.releases++ });
  spare.start();
  /** The number of sessions for the next ten seconds; returns how often memory was returned so far. */
  const look = (sessions: number) => {
    state.sessions = sessions;
    clock.advance(10_000);
    return state.releases;
  };
  return { spare, look };
}

describe("memory of sessions that have ended", () => {
  it("is returned once, when most of them have ended and stay away", () => {
    const { look } = watched();
    assert.deepEqual([2_000, 100, 100, 100, 50].map(look), [0, 0, 1, 1, 1]);
    // The next storm.
    assert.deepEqual([2_000, 0, 0, 0].map(look), [1, 1, 2, 2]);
  });

  it("is kept while clients come back, where half of them stay, and where few have ended", () => {
    const { look } = watched();
    assert.deepEqual([2_000, 100, 1_900, 100, 1_900].map(look), [0, 0, 0, 0, 0]);
    assert.deepEqual([1_100, 1_100, 1_100].map(look), [0, 0, 0]);
    const few = watched();
    assert.deepEqual([249, 0, 0].map(few.look), [0, 0, 0]);
  });

  it("is no longer looked after when the relay ends", () => {
    const { spare, look } = watched();
    look(2_000);
    spare.close();
    assert.deepEqual([0, 0].map(look), [0, 0]);
  });
});
