import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Sweeps } from "../../moq/model/sweeps.ts";

function tracks(clock: ManualClock, swept: string[]) {
  return (name: string) => ({ sweep: () => swept.push(`${name} at ${clock.now()}`) });
}

test("tracks whose groups began at about the same time are swept by one timer", () => {
  const clock = new ManualClock();
  const swept: string[] = [];
  const track = tracks(clock, swept);
  const sweeps = new Sweeps(clock);
  for (let n = 0; n < 4; n++) {
    sweeps.add(track(`${n}`));
    clock.advance(8);
  }
  assert.equal(clock.pending, 1);
  clock.advance(200);
  assert.deepEqual(swept, ["0 at 100", "1 at 125", "2 at 125", "3 at 125"]);
  assert.equal(clock.pending, 0);
});

test("a track is swept once however often it was added, and not at all once it is deleted", () => {
  const clock = new ManualClock();
  const swept: string[] = [];
  const sweeps = new Sweeps(clock);
  const [one, other] = ["one", "other"].map(tracks(clock, swept));
  if (one === undefined || other === undefined) throw new Error("two tracks");
  sweeps.add(one);
  sweeps.add(other);
  clock.advance(50);
  sweeps.add(one);
  sweeps.delete(other);
  clock.advance(500);
  assert.deepEqual(swept, ["one at 100"]);
  sweeps.add(one);
  clock.advance(100);
  assert.deepEqual(swept, ["one at 100", "one at 650"]);
  sweeps.add(other);
  sweeps.delete(other);
  assert.equal(clock.pending, 0);
});

test("a sweep that fails does not keep the other tracks from theirs", () => {
  const clock = new ManualClock();
  const swept: string[] = [];
  const sweeps = new Sweeps(clock);
  sweeps.add({
    sweep: () => {
      throw new Error("a defect");
    },
  });
  sweeps.add(tracks(clock, swept)("next"));
  assert.throws(() => clock.advance(100), /a defect/);
  clock.advance(100);
  assert.equal(swept.length, 1);
});
