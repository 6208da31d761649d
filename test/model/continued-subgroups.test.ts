/** A subgroup that goes on on another stream, after the first one was reset. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SubgroupStart } from "../../moq/model/contract.ts";
import { begin, OBJECTS, StreamsViewer, say, scene, WHOLE } from "./subgroup-scene.ts";
import { FakeViewer, say as frame } from "./support.ts";

const ON: Pick<SubgroupStart, "firstObject"> = { firstObject: false };

/** What a viewer of subgroups has of one subgroup, stream by stream. */
function streamsOf(viewer: StreamsViewer, subgroup: number): string[] {
  return viewer.streams
    .filter((_, index) => viewer.starts[index]?.subgroup === subgroup)
    .map(({ state, text }) => `${state} ${text}`);
}

describe("a subgroup that was reset", () => {
  it("goes on on another stream while others of its group are open, without the objects that came before", () => {
    const { source, watch } = scene();
    const viewer = watch(new StreamsViewer(OBJECTS));
    const [base, upper] = [begin(source, { subgroup: 0 }), begin(source, { subgroup: 1 })];
    say(upper, 1, "b");
    upper.object(2, 0, 3);
    upper.payload(Buffer.from("d"));
    upper.reset("cancelled");
    const next = begin(source, { subgroup: 1, ...ON });
    for (const [id, text] of [
      [1, "b"],
      [3, "dd"],
      [4, "e"],
    ] as const) {
      say(next, id, text);
    }
    next.finish();
    say(base, 0, "a");
    base.finish();
    assert.deepEqual(streamsOf(viewer, 1), ["reset (1:1)b(1:2)d", "finished (3:2)dd(0:1)e"]);
    assert.equal(viewer.starts.at(-1)?.firstObject, false);
    assert.equal(viewer.of(0, 0)?.text, "(0:1)a");
  });

  it("goes on after the group was over, and more than once", () => {
    const { relay, source, watch } = scene();
    const viewer = watch(new StreamsViewer(OBJECTS));
    const first = begin(source, { subgroup: 0 });
    say(first, 0, "a");
    say(first, 1, "b");
    first.reset("cancelled");
    const second = begin(source, { subgroup: 0, ...ON });
    say(second, 1, "b");
    say(second, 2, "c");
    second.reset("cancelled");
    const third = begin(source, { subgroup: 0 });
    for (const [id, text] of [..."abcd"].entries()) say(third, id, text);
    third.finish();
    assert.deepEqual(streamsOf(viewer, 0), ["reset (0:1)a(0:1)b", "reset (2:1)c", "finished (3:1)d"]);
    assert.equal(source.sink.subgroup({ group: 0, subgroup: 0, endsGroup: false, ...ON }), "duplicate");
    assert.equal(relay.counters.groupsIn, 1);
    assert.equal(relay.counters.cacheGroups, 0, "nothing of it is kept");
  });

  it("leaves the others of its group as they are, those that have not begun as well", () => {
    const { source, watch } = scene();
    const viewer = watch(new StreamsViewer(OBJECTS));
    const upper = begin(source, { subgroup: 1 });
    say(upper, 1, "b");
    upper.reset("cancelled");
    for (const subgroup of [0, 2]) say(begin(source, { subgroup }), subgroup, "x");
    assert.deepEqual(viewer.of(0, 0)?.text, "(0:1)x");
    assert.deepEqual(viewer.of(0, 2)?.text, "(2:1)x");
  });

  it("does not bring its group back to viewers of whole groups, to late ones or to fetches", () => {
    const { source, watch, relay } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const upper = begin(source, { subgroup: 1 });
    say(upper, 1, "b");
    upper.reset("cancelled");
    const base = begin(source, { subgroup: 0 });
    say(base, 0, "a");
    const late = [watch(new FakeViewer(WHOLE)), watch(new StreamsViewer(OBJECTS))];
    say(base, 2, "c");
    base.finish();
    assert.deepEqual(viewer.groups, ["0:reset:[1@0]b"]);
    for (const { streams } of late) assert.equal(streams.length, 0);
    assert.equal(relay.counters.cacheGroups, 0);
  });
});

it("what is remembered of a group that was reset has a bound: further subgroups are refused, those known go on", () => {
  const { relay, source, watch } = scene();
  watch(new StreamsViewer(OBJECTS));
  const start = (subgroup: number) => source.sink.subgroup({ group: 0, subgroup, endsGroup: false, firstObject: true });
  for (let subgroup = 1; subgroup <= 512; subgroup++) begin(source, { subgroup }).reset("cancelled");
  assert.equal(start(513), "limit");
  assert.equal(relay.counters.boundsHit.subgroups_per_group, 1);
  say(begin(source, { subgroup: 512 }), 1, "a");
});

describe("a group that is one subgroup, and was reset", () => {
  it("comes to viewers of whole groups where its publisher sends all of it again", () => {
    const { source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const first = begin(source, { subgroup: 0, endsGroup: true });
    frame(first, "a", 0);
    first.reset("cancelled");
    const again = begin(source, { subgroup: 0, endsGroup: true });
    for (const text of "ab") frame(again, text, 0);
    again.finish();
    assert.deepEqual(viewer.groups, ["0:reset:[1@0]a", "0:finished:[1@0]a[1@0]b"]);
  });
});
