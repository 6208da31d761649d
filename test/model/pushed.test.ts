/** Tracks that a peer pushes (moq-transport PUBLISH) beside those that are asked for. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Publication } from "../../moq/model/broadcasts.ts";
import { publish, relay, watch } from "./relay.ts";
import { AD, FakeSource, FakeViewer, LIVE } from "./support.ts";

const OTHER = { ...AD, hops: [8n] };

/** `source` pushes `tracks` of `live/cam`. */
function push(source: FakeSource, tracks: readonly string[], ad = OTHER): Publication {
  return publish(source, { ...ad, pushed: new Set(tracks) });
}

function viewerOf(track: string): FakeViewer {
  return watch(LIVE, new FakeViewer(), track).viewer;
}

describe("a pushed track", () => {
  it("makes its broadcast known, and reaches a viewer that waited for it", () => {
    const viewer = viewerOf("video");
    assert.equal(relay.broadcast("live/cam"), undefined);
    const source = new FakeSource();
    const publication = push(source, ["video"]);
    source.send(0, "a");
    assert.deepEqual(viewer.groups, ["0:finished:[1]a"]);
    assert.deepEqual(
      [...relay.list("live")].map(({ path }) => path),
      ["live/cam"],
    );
    publication.end(true);
    assert.equal(relay.broadcast("live/cam"), undefined);
    assert.equal(relay.counters.broadcastsActive, 0);
  });

  it("comes from the source that pushes it, and other tracks from the one that announced the broadcast", () => {
    const announced = new FakeSource();
    publish(announced);
    const pusher = new FakeSource();
    push(pusher, ["video"]);
    viewerOf("video");
    viewerOf("audio");
    assert.deepEqual(pusher.log, ["info video", "subscribe video"]);
    assert.deepEqual(announced.log, ["info audio", "subscribe audio"]);
  });

  it("takes over a track that was pulled, and gives it back when the push ends", () => {
    const announced = new FakeSource();
    publish(announced);
    const viewer = viewerOf("video");
    announced.send(0, "pulled");
    const pusher = new FakeSource();
    const publication = push(pusher, ["video"], AD);
    assert.equal(announced.subscriptions[0]?.cancelled, true);
    pusher.send(1, "pushed");
    publication.end(true);
    announced.send(2, "pulled again");
    assert.deepEqual(viewer.groups, ["0:finished:[6]pulled", "1:finished:[6]pushed", "2:finished:[12]pulled again"]);
    assert.equal(viewer.log.filter((line) => line.startsWith("closed")).length, 0);
  });

  it("stays at its source when another source pushes another track of the broadcast", () => {
    const first = new FakeSource();
    push(first, ["alice"], AD);
    const alice = viewerOf("alice");
    const second = new FakeSource();
    const publication = push(second, ["bob"]);
    const bob = viewerOf("bob");
    first.send(0, "a");
    second.send(0, "b");
    assert.deepEqual([alice.groups, bob.groups], [["0:finished:[1]a"], ["0:finished:[1]b"]]);
    assert.equal(relay.broadcast("live/cam")?.route()?.source, first, "the route that viewers know stays");
    publication.update({ ...OTHER, pushed: new Set(["bob", "carol"]) });
    viewerOf("carol");
    assert.ok(second.log.includes("subscribe carol"));
  });

  it("moves to the newest source where two push the same track", () => {
    const first = new FakeSource();
    push(first, ["video"], AD);
    const viewer = viewerOf("video");
    first.send(4, "old");
    const second = new FakeSource();
    push(second, ["video"]);
    second.send(0, "new");
    assert.deepEqual(viewer.groups, ["4:finished:[3]old", "5:finished:[3]new"]);
  });

  it("is one track with what the same source announces: neither end of the two withdraws the other", () => {
    const source = new FakeSource();
    const announcement = publish(source);
    const pushed = push(source, ["video"], AD);
    viewerOf("video");
    pushed.end(false);
    assert.deepEqual(source.log, ["info video", "subscribe video"]);
    assert.notEqual(relay.broadcast("live/cam"), undefined);
    push(source, ["video"], AD);
    announcement.end(false);
    assert.notEqual(relay.broadcast("live/cam"), undefined);
    assert.equal(source.subscriptions[0]?.cancelled, false);
  });
});
