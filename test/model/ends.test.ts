import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clock, publish, relay, start, watch } from "./relay.ts";
import { AD, channel, FakeSource, FakeStream, INFO, say } from "./support.ts";

/** A track and its cached groups when the publisher ends the track, or goes. */

const PLAIN = channel();

function fetch(sequence: number): FakeStream {
  const stream = new FakeStream(sequence, 0, false);
  relay.fetch({ path: "live/cam", track: "video", sequence, priority: 0 }, PLAIN, stream, () => {});
  return stream;
}

/** Answers the newest fetch at `source`. */
function give(source: FakeSource, text: string): void {
  const writer = source.fetches.at(-1)?.writer;
  if (writer === undefined) throw new Error("nothing was fetched");
  say(writer, text);
  writer.finish();
}

describe("a group that was only fetched", () => {
  for (const lost of [false, true]) {
    it(`ends with its publisher, which ${lost ? "vanished" : "withdrew the broadcast"}`, () => {
      const old = new FakeSource();
      const publication = publish(old);
      fetch(0);
      give(old, "old");
      assert.equal(fetch(0).text, "[3]old", "from the cache");
      publication.end(lost);
      assert.equal(relay.cache.bytes, 0);
      const next = new FakeSource();
      publish(next);
      const stream = fetch(0);
      give(next, "new");
      assert.equal(stream.text, "[3]new");
    });
  }

  it("is not served for a publisher that replaces its own", () => {
    const old = new FakeSource();
    publish(old);
    fetch(0);
    give(old, "old");
    const next = new FakeSource();
    publish(next, { ...AD, hops: [8n] });
    const stream = fetch(0);
    give(next, "new");
    assert.equal(stream.text, "[3]new");
  });

  it("stays while another route has the same content", () => {
    const old = new FakeSource();
    const publication = publish(old);
    fetch(0);
    give(old, "same");
    publish(new FakeSource());
    publication.end(true);
    assert.equal(fetch(0).text, "[4]same");
  });

  it("reaches the viewer that fetched it, and no other, when its publisher withdraws the broadcast meanwhile", () => {
    const old = new FakeSource();
    const publication = publish(old);
    const first = fetch(0);
    publication.end(false);
    const next = new FakeSource();
    publish(next);
    const second = fetch(0);
    give(old, "old");
    give(next, "new");
    assert.deepEqual([first.text, second.text], ["[3]old", "[3]new"]);
  });

  it("does not count among the broadcasts", () => {
    start({ broadcasts: 1 });
    for (const path of ["show/1", "show/2", "show/3"]) {
      const source = new FakeSource();
      const publication = relay.publish(path, AD, source);
      if (typeof publication === "string") throw new Error(`${path} refused: ${publication}`);
      relay.fetch({ path, track: "video", sequence: 0, priority: 0 }, PLAIN, new FakeStream(0, 0, false), () => {});
      give(source, "x");
      publication.end(false);
    }
    assert.equal(clock.pending, 0);
  });
});

describe("a viewer that comes after a track's end", () => {
  it("does not cut off the last group of earlier viewers, and subscribes at the publisher again", () => {
    const source = new FakeSource();
    publish(source);
    const first = watch().viewer;
    const group = source.group(0);
    say(group, "a");
    source.sink.ended(1);
    source.sink.closed(undefined);
    const second = watch().viewer;
    say(group, "b");
    group.finish();
    clock.advance(500);
    assert.deepEqual(first.groups, ["0:finished:[1]a[1]b"]);
    assert.deepEqual(first.log.slice(-2), ["ended 1", "closed cleanly"]);
    assert.equal(source.subscriptions.length, 2);
    source.send(0, "again");
    assert.deepEqual(second.groups, ["0:finished:[5]again"]);
  });

  it("joins the last group when the publisher has announced the end and the group is still open", () => {
    const source = new FakeSource();
    publish(source);
    watch();
    const group = source.group(0);
    say(group, "a");
    source.sink.ended(1);
    const second = watch().viewer;
    assert.equal(source.subscriptions.length, 1);
    say(group, "b");
    group.finish();
    source.sink.closed(undefined);
    clock.advance(500);
    assert.deepEqual(second.groups, ["0:finished:[1]a[1]b"]);
    assert.deepEqual(second.log, ["accepted 1000", "started 0", "ended 1", "closed cleanly"]);
  });

  for (const reason of [undefined, "cancelled"] as const) {
    it(`gets a track of the same name from its start, in its own timescale, after the old one ${reason ? "was reset" : "ended"}`, () => {
      const source = new FakeSource();
      publish(source);
      watch();
      for (let i = 0; i < 10; i++) source.send(i, `old ${i}`);
      source.sink.closed(reason);
      clock.advance(500);
      source.answer = { ...INFO, timescale: 90_000 };
      const viewer = watch().viewer;
      for (let i = 0; i < 3; i++) source.send(i, `new ${i}`);
      assert.deepEqual(
        viewer.groups,
        [0, 1, 2].map((i) => `${i}:finished:[5]new ${i}`),
      );
      assert.equal(viewer.log[0], "accepted 90000");
    });
  }

  it("does not count twice among the tracks of the broadcast", () => {
    start({ tracksPerBroadcast: 1 });
    const source = new FakeSource();
    publish(source);
    for (let i = 0; i < 5; i++) {
      const viewer = watch().viewer;
      source.sink.closed(undefined);
      clock.advance(500);
      assert.deepEqual(viewer.log.at(-1), "closed cleanly");
    }
    assert.equal(relay.counters.boundsHit.tracks_per_broadcast, 0);
    clock.advance(2_000);
    assert.equal(clock.pending, 0);
  });
});
