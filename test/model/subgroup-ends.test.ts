/** When a group of subgroups is over. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { begin, OBJECTS, StreamsViewer, say, scene } from "./subgroup-scene.ts";

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
