/** When a group of subgroups is over. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { begin, OBJECTS, StreamsViewer, say, scene, WHOLE } from "./subgroup-scene.ts";
import { FakeViewer } from "./support.ts";

describe("a group that was joined inside by several subgroups", () => {
  it("is not over before it has all objects from the lowest one on, whichever subgroup began first", () => {
    const { source, watch } = scene();
    const viewer = watch(new StreamsViewer(OBJECTS));
    const inside = { firstObject: false };
    const [base, upper] = [begin(source, { subgroup: 0, ...inside }), begin(source, { subgroup: 1, ...inside })];
    say(base, 8, "i");
    say(upper, 5, "f");
    upper.finish();
    say(base, 9, "j");
    base.status("end_of_group", 10);
    base.finish();
    const last = begin(source, { subgroup: 2 });
    for (const id of [6, 7]) say(last, id, "x");
    last.finish();
    assert.equal(viewer.of(0, 2)?.text, "(6:1)x(0:1)x");
    const refused = source.sink.subgroup({ group: 0, subgroup: 3, firstObject: true, endsGroup: false });
    assert.equal(refused, "expired", "it has all its objects");
  });
});

describe("a group that lacks ids below the end that its publisher named", () => {
  it("is over a moment after its last subgroup, without a later group", () => {
    const { clock, source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const base = begin(source, { subgroup: 0, endsGroup: true });
    for (const id of [0, 2, 5]) say(base, id, "x");
    base.finish();
    assert.equal(viewer.streams[0]?.state, "open", "what is missing may come on another stream");
    clock.advance(400);
    const upper = begin(source, { subgroup: 1 });
    say(upper, 3, "y");
    clock.advance(1_000);
    assert.equal(viewer.streams[0]?.state, "open", "a subgroup is open");
    upper.finish();
    clock.advance(1_000);
    assert.equal(viewer.streams[0]?.state, "finished");
    assert.equal(clock.pending, 0);
  });

  it("is over a moment after its last datagram", () => {
    const { clock, source, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    for (const object of [0, 3]) {
      const [payload, endsGroup] = [Buffer.from("d"), object === 3];
      source.sink.datagram({ group: 0, object, timestamp: 0, properties: undefined, endsGroup, payload });
    }
    clock.advance(1_000);
    assert.deepEqual([viewer.streams[0]?.text, viewer.streams[0]?.state], ["[1@0]d[1@0]d", "finished"]);
  });
});
