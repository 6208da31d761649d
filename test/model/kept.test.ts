/** A quiet track stays subscribed after its last viewer has left, for later viewers. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { Publication } from "../../moq/model/broadcasts.ts";
import { wholeGroup } from "../../moq/model/locations.ts";
import { clock, publisher, relay, start, startPublished, watch } from "./relay.ts";
import { AD, FakeSource, FakeViewer, LIVE, say } from "./support.ts";

let publication: Publication;

beforeEach(() => {
  publication = startPublished();
});

function watchCatalog(track = "catalog"): { viewer: FakeViewer; leave: () => void } {
  const { viewer, subscription } = watch(LIVE, new FakeViewer(), track);
  return { viewer, leave: () => subscription.cancel() };
}

/** A viewer gets the newest group of a track and leaves. */
function visit(track = "catalog"): string[] {
  const { viewer, leave } = watchCatalog(track);
  const { groups } = viewer;
  leave();
  return groups;
}

/** A track is watched, its publisher sends one group, and the viewer leaves. */
function written(track = "catalog", text = "{}"): void {
  const { leave } = watchCatalog(track);
  publisher.send(0, text);
  leave();
}

const open = () => publisher.subscriptions.filter(({ cancelled }) => !cancelled).map(({ track }) => track);

describe("a catalog that was written once", () => {
  it("reaches every later viewer, however long the pauses are", () => {
    written();
    for (const pause of [2500, 60_000, 3_600_000]) {
      clock.advance(pause);
      assert.deepEqual(visit(), ["0:finished:[2]{}"]);
    }
    assert.deepEqual(publisher.log, ["info catalog", "subscribe catalog"]);
  });

  it("reaches a later viewer while its group is open, with the frames that were added", () => {
    const { leave } = watchCatalog();
    const group = publisher.group(0);
    say(group, "{}");
    leave();
    clock.advance(30_000);
    say(group, "patch");
    clock.advance(30_000);
    assert.deepEqual(visit(), ["0:open:[2]{}[5]patch"]);
  });

  it("is replaced by a newer one that comes without viewers", () => {
    written();
    clock.advance(60_000);
    publisher.send(1, "new");
    clock.advance(60_000);
    assert.deepEqual(visit(), ["1:finished:[3]new"]);
  });

  for (const lingerMs of [0, 100, 10_000]) {
    it(`is kept with a linger of ${lingerMs} ms`, () => {
      startPublished({ trackLingerMs: lingerMs });
      const { leave } = watchCatalog();
      publisher.send(0, "{}");
      clock.advance(1000);
      leave();
      clock.advance(60_000);
      assert.deepEqual(visit(), ["0:finished:[2]{}"]);
    });
  }

  it("is dropped when its publisher goes", () => {
    written();
    clock.advance(60_000);
    publication.end(true);
    publisher.sink.closed("upstream");
    clock.advance(20_000);
    assert.equal(relay.cache.bytes, 0);
    assert.equal(clock.pending, 0);
    assert.equal([...relay.list()].length, 0);
  });

  it("is dropped when its broadcast was withdrawn while it had a viewer", () => {
    const { leave } = watchCatalog();
    publisher.send(0, "{}");
    publication.end(false);
    leave();
    clock.advance(2000);
    assert.deepEqual(open(), []);
    assert.equal(relay.cache.bytes, 0);
  });

  it("is dropped when its track ends", () => {
    written();
    clock.advance(60_000);
    publisher.sink.ended(1);
    publisher.sink.closed(undefined);
    clock.advance(20_000);
    assert.equal(relay.cache.bytes, 0);
    assert.equal(clock.pending, 0);
  });

  it("is evicted before a group with viewers", () => {
    startPublished({}, { bytes: 30_000 });
    written("catalog", "x".repeat(10_000));
    clock.advance(60_000);
    const { viewer } = watchCatalog("video");
    const group = publisher.group(0);
    say(group, "x".repeat(20_000));
    assert.equal(viewer.streams[0]?.state, "open");
    assert.equal(watchCatalog("video").viewer.streams.length, 1, "the live group is kept");
    clock.advance(20_000);
    assert.deepEqual(open(), ["video"]);
  });

  it("is evicted after groups that have a successor, and is a live track's newest group once it has viewers again", () => {
    startPublished({}, { bytes: 30_000 });
    written();
    clock.advance(60_000);
    watchCatalog("video");
    for (let i = 0; i < 10; i++) publisher.send(i, "x".repeat(10_000));
    assert.equal(watchCatalog().viewer.groups.length, 1);
    const group = publisher.subscriptions.find(({ track }) => track === "video")?.sink.subgroup(wholeGroup(10));
    assert.ok(group !== undefined && typeof group !== "string");
    for (let i = 0; i < 10; i++) say(group, "x".repeat(10_000));
    assert.equal(watchCatalog().viewer.groups.length, 1);
  });
});

describe("a track without viewers whose publisher sends", () => {
  it("retires after the linger", () => {
    const { leave } = watchCatalog("video");
    publisher.send(0, "a");
    leave();
    clock.advance(1000);
    publisher.send(1, "b");
    clock.advance(1000);
    assert.deepEqual(open(), []);
    assert.equal(relay.cache.bytes, 0);
  });

  it("retires within seconds when its publisher begins to send again", () => {
    written("video");
    clock.advance(60_000);
    for (let i = 1; open().length > 0; i++) {
      publisher.send(i, "frame");
      clock.advance(500);
      assert.ok(i < 30, "still subscribed after 15 s");
    }
    assert.equal(relay.cache.bytes, 0);
  });

  it("retires when another relay feeds it, because that relay keeps it", () => {
    Object.assign(publisher, { keepsNewest: true });
    written();
    clock.advance(2000);
    assert.deepEqual(open(), []);
  });
});

describe("tracks that stay subscribed without viewers", () => {
  it("are bounded for each publisher: the track whose viewers left first retires", () => {
    startPublished({ tracksPerBroadcast: 100 });
    for (let i = 0; i < 18; i++) {
      written(`t${i}`);
      clock.advance(100);
    }
    clock.advance(5000);
    assert.deepEqual(
      open(),
      Array.from({ length: 16 }, (_, i) => `t${i + 2}`),
    );
    assert.equal(relay.counters.boundsHit.kept_tracks_per_session, 2);
  });

  it("make room for a track that a viewer asks for", () => {
    startPublished({ tracksPerBroadcast: 2 });
    written("a");
    written("b");
    clock.advance(5000);
    watchCatalog("c");
    assert.deepEqual(open(), ["b", "c"]);
    assert.equal(relay.counters.boundsHit.tracks_per_broadcast, 0);
  });

  it("give back their streams when a request to their publisher waits for one", () => {
    for (const track of ["a", "b"]) written(track);
    clock.advance(5000);
    relay.makeRoom(new FakeSource());
    assert.deepEqual(open(), ["a", "b"]);
    relay.makeRoom(publisher);
    assert.deepEqual(open(), []);
  });

  it("are not wanted from the broadcast finder until they have viewers again", () => {
    let wanted = 0;
    start();
    relay.findWith({
      watching: () => () => {},
      wanting: () => {
        wanted++;
        return () => wanted--;
      },
      routed: () => {},
    });
    relay.publish("live/cam", AD, publisher);
    written();
    assert.equal(wanted, 1);
    clock.advance(5000);
    assert.equal(wanted, 0);
    const { leave } = watchCatalog();
    assert.equal(wanted, 1);
    leave();
    clock.advance(5000);
    assert.equal(wanted, 0);
  });
});
