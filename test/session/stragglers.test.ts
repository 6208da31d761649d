import assert from "node:assert/strict";
import { it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Counters } from "../../moq/counters.ts";
import { Stragglers } from "../../moq/session/stragglers.ts";

function scene() {
  const clock = new ManualClock();
  const counters = new Counters();
  return { clock, counters, stragglers: new Stragglers(clock, counters), forgotten: [] as number[] };
}

it("an ended track is forgotten after two seconds, each at its time", () => {
  const { clock, counters, stragglers, forgotten } = scene();
  stragglers.add(() => forgotten.push(1));
  clock.advance(1_500);
  stragglers.add(() => forgotten.push(2));
  const cancel = stragglers.add(() => forgotten.push(3));
  cancel();
  clock.advance(499);
  assert.deepEqual(forgotten, []);
  clock.advance(1);
  assert.deepEqual(forgotten, [1]);
  clock.advance(1_500);
  assert.deepEqual([forgotten, counters.boundsHit.ended_tracks_per_session], [[1, 2], 0]);
});

it("at the bound the track that ended first is forgotten at once", () => {
  const { clock, counters, stragglers, forgotten } = scene();
  for (let track = 0; track < 1_026; track++) stragglers.add(() => forgotten.push(track));
  assert.deepEqual([forgotten, counters.boundsHit.ended_tracks_per_session], [[0, 1], 2]);
  clock.advance(2_000);
  assert.equal(forgotten.length, 1_026);
});

it("nothing is forgotten after the end of the session", () => {
  const { clock, stragglers, forgotten } = scene();
  stragglers.add(() => forgotten.push(1));
  stragglers.close();
  clock.advance(5_000);
  assert.deepEqual(forgotten, []);
});
