/** A group that is not kept, of which two subgroups bring objects at once: what viewers of whole groups get of it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SubgroupWriter } from "../../moq/model/contract.ts";
import { begin, OBJECTS, StreamsViewer, say, scene, WHOLE } from "./subgroup-scene.ts";
import { FakeViewer } from "./support.ts";

/** A group of two subgroups that is not kept from its first object on. `first`: how many bytes that object has. */
function unkept(bytes = 1_000_000, groupBytes = 3) {
  const { source, watch, relay, clock } = scene(bytes, { groupBytes });
  const viewer = watch(new FakeViewer(WHOLE));
  const [base, upper] = [begin(source, { subgroup: 0 }), begin(source, { subgroup: 1 })];
  say(base, 0, "abcd");
  return { source, watch, relay, clock, viewer, base, upper };
}

function half(writer: SubgroupWriter, id: number, text: string): () => void {
  writer.object(2 * text.length, 0, id);
  writer.payload(Buffer.from(text));
  return () => {
    writer.payload(Buffer.from(text));
    writer.end();
  };
}

describe("an object of a group that is not kept", () => {
  it("waits for one that is arriving", () => {
    const { viewer, base, upper, relay } = unkept();
    const rest = half(base, 1, "e");
    say(upper, 2, "g");
    const next = half(upper, 3, "h");
    assert.equal(viewer.streams[0]?.text, "[4@0]abcd[2@0]e");
    assert.ok(relay.counters.cacheBytes > 0, "what waits is charged");
    rest();
    assert.equal(viewer.streams[0]?.text, "[4@0]abcd[2@0]ee[1@0]g[2@0]h");
    assert.equal(relay.counters.cacheBytes, 0);
    next();
    base.finish();
    upper.status("end_of_group", 4);
    upper.finish();
    assert.deepEqual(viewer.groups, ["0:finished:[4@0]abcd[2@0]ee[1@0]g[2@0]hh"]);
  });

  it("waits while an open subgroup may bring a lower one, and no longer than the track's groups are kept", () => {
    const { source, clock, viewer, base, upper } = unkept();
    say(upper, 3, "d");
    assert.equal(viewer.streams[0]?.text, "[4@0]abcd");
    say(base, 1, "b");
    say(base, 4, "e");
    assert.equal(viewer.streams[0]?.text, "[4@0]abcd[1@0]b[1@0]d[1@0]e");
    say(upper, 7, "h");
    say(begin(source, { group: 1, subgroup: 0 }), 0, "next");
    clock.advance(60_000);
    say(begin(source, { group: 2, subgroup: 0 }), 0, "next");
    clock.advance(200);
    assert.equal(viewer.streams[0]?.text, "[4@0]abcd[1@0]b[1@0]d[1@0]e[1@0]h");
  });

  it("waits on where the group is evicted", () => {
    const { source, relay, watch } = scene();
    const viewer = watch(new FakeViewer(WHOLE));
    const [base, upper] = [begin(source, { subgroup: 0 }), begin(source, { subgroup: 1 })];
    const rest = half(base, 0, "a");
    say(upper, 1, "b");
    const next = half(upper, 2, "cc");
    relay.purge("live/cam");
    assert.equal(relay.counters.cacheGroups, 0);
    rest();
    next();
    assert.equal(viewer.streams[0]?.text, "[2@0]aa[1@0]b[4@0]cccc");
    assert.equal(relay.counters.cacheBytes, 0);
  });

  it("does not wait for a lower one where the cache has no room", () => {
    const { viewer, base, upper, relay } = unkept(0);
    say(upper, 2, "c");
    assert.equal(viewer.streams[0]?.text, "[4@0]abcd[1@0]c");
    say(base, 1, "late");
    assert.equal(relay.counters.objectsLate, 1);
  });

  it("is lost with the group where neither the cache nor the group has room for what waits for one that is arriving", () => {
    for (const [bytes, size] of [
      [0, 1],
      [100_000_000, 5 * 2 ** 20],
    ] as const) {
      const { viewer, base, upper, relay, watch } = unkept(bytes, 3);
      const streams = watch(new StreamsViewer(OBJECTS));
      half(base, 1, "e");
      upper.object(size, 0, 2);
      upper.payload(new Uint8Array(size));
      upper.end();
      assert.equal(viewer.streams[0]?.state, "reset");
      assert.equal(streams.streams.length, 0, "a late viewer begins with the next group");
      assert.equal(relay.counters.groupsDropped.evicted >= 1, true);
      assert.equal(relay.counters.cacheBytes, 0);
    }
  });
});
