import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { ALL_GROUPS, type SubgroupWriter } from "../../moq/model/contract.ts";
import { datagramGroup } from "../../moq/model/locations.ts";
import { rank } from "../../moq/model/rank.ts";
import { clock, publisher, relay, startPublished, watch } from "./relay.ts";
import { AD, channel, FakeSource, FakeStream, FakeViewer, LIVE, say } from "./support.ts";

beforeEach(() => {
  startPublished();
});

const states = (viewer: FakeViewer) => viewer.streams.map(({ state }) => state);

function stuck(options = LIVE) {
  const viewer = new FakeViewer();
  viewer.stuck = true;
  return watch(options, viewer);
}

describe("priority", () => {
  it("is the subscriber's, then the publisher's, then the place in the track", () => {
    assert.ok(rank(4, 2, 0, 9) > rank(4, 1, 255, 0));
    assert.ok(rank(4, 1, 2, 9) > rank(4, 1, 1, 0));
    assert.ok(rank(4, 1, 1, 0) > rank(4, 1, 1, 1));
    assert.ok(rank(4, 255, 255, 0) < 2 ** 31 - 1, "below control messages");
    assert.ok(rank(4, 0, 0, 1e9) >= 0);
  });

  it("sends the newest group first, and the oldest first when ordered", () => {
    const live = stuck({ ...LIVE, priority: 5 }).viewer;
    const ordered = stuck({ ...LIVE, priority: 5, ordered: true }).viewer;
    for (let i = 0; i < 3; i++) publisher.send(i, "x");
    assert.deepEqual(
      live.streams.map((stream) => stream.priority),
      [rank(4, 5, 3, 2), rank(4, 5, 3, 1), rank(4, 5, 3, 0)],
    );
    assert.deepEqual(
      ordered.streams.map((stream) => stream.priority),
      [rank(4, 5, 3, 0), rank(4, 5, 3, 1), rank(4, 5, 3, 2)],
    );
  });

  it("changes with an update of the subscription", () => {
    const { viewer, subscription } = stuck();
    publisher.send(0, "x");
    subscription.update({ ...LIVE, priority: 200 });
    assert.equal(viewer.streams[0]?.priority, rank(4, 200, 3, 0));
  });
});

describe("expiry", () => {
  it("resets a queued group once a newer one is further ahead than the viewer's max latency", () => {
    const patient = stuck({ ...LIVE, maxLatency: 3000 }).viewer;
    const hurried = stuck({ ...LIVE, maxLatency: 500 }).viewer;
    publisher.send(0, "a");
    clock.advance(1000);
    publisher.send(1, "b");
    clock.advance(100);
    assert.deepEqual(hurried.groups, ["0:reset:[1]a", "1:finished:[1]b"]);
    assert.deepEqual(patient.groups, ["0:finished:[1]a", "1:finished:[1]b"]);
    assert.equal(hurried.streams[0]?.code, 2);
    assert.equal(relay.counters.groupsDropped.expired, 1);
  });

  it("never resets the newest group", () => {
    const { viewer } = stuck({ ...LIVE, maxLatency: 0 });
    publisher.send(0, "a");
    clock.advance(60_000);
    assert.equal(viewer.streams[0]?.state, "finished");
  });

  it("lets the last frames of a group through that were written together with the next group", () => {
    const { viewer } = watch({ ...LIVE, maxLatency: 0 });
    const first = publisher.group(0);
    say(first, "a");
    clock.advance(1000);
    const second = publisher.group(1);
    say(first, "tail");
    first.finish();
    say(second, "b");
    clock.advance(200);
    assert.deepEqual(viewer.groups, ["0:finished:[1]a[4]tail", "1:open:[1]b"]);
  });

  it("is by timestamps where they differ by more than the arrivals", () => {
    const { viewer } = stuck({ ...LIVE, maxLatency: 500 });
    const first = publisher.group(0);
    say(first, "a", 0);
    first.finish();
    const second = publisher.group(1);
    say(second, "b", 4000);
    clock.advance(100);
    assert.equal(viewer.streams[0]?.state, "reset");
  });

  it("opens no stream for a late group that is too old, and reports it as dropped", () => {
    const { viewer } = watch({ ...LIVE, maxLatency: 100 });
    publisher.send(0, "a");
    const late = publisher.group(1);
    clock.advance(1000);
    publisher.send(2, "c");
    const third = watch({ ...LIVE, maxLatency: 100, start: 0 }).viewer;
    say(late, "late");
    assert.ok(third.log.includes("dropped 0-0 expired"));
    assert.ok(third.log.includes("dropped 1-1 expired"));
    assert.equal(viewer.groups.length, 3);
  });
});

describe("a viewer that does not keep up", () => {
  it("misses groups while it allows no stream, and gets the newest from its start when it does", () => {
    const viewer = new FakeViewer();
    viewer.room = 1;
    const { subscription } = watch(LIVE, viewer);
    publisher.send(0, "a");
    publisher.send(1, "b");
    const current = publisher.group(2);
    say(current, "c1");
    assert.deepEqual(viewer.groups, ["0:finished:[1]a"]);
    viewer.room = 1;
    subscription.retry();
    say(current, "c2");
    assert.deepEqual(viewer.groups, ["0:finished:[1]a", "2:open:[2]c1[2]c2"]);
    assert.deepEqual(viewer.log.slice(2), ["dropped 1-1 lagged"]);
    assert.equal(relay.counters.groupsDropped.no_stream, 1);
  });

  it("loses all groups but the newest when its session sheds", () => {
    const { viewer, subscription } = stuck();
    const well = watch().viewer;
    for (let i = 0; i < 4; i++) publisher.send(i, `g${i}`);
    subscription.shed();
    assert.deepEqual(
      viewer.streams.map((stream) => stream.state),
      ["reset", "reset", "reset", "finished"],
    );
    assert.deepEqual(
      well.streams.map((stream) => stream.state),
      ["finished", "finished", "finished", "finished"],
    );
    assert.equal(relay.counters.groupsDropped.backlog, 3);
  });

  it("loses all groups but the newest in the dark, also those that wait for their acknowledgement alone", () => {
    const distant = new FakeViewer();
    distant.far = true;
    const left = watch(LIVE, distant);
    const { viewer, subscription } = stuck();
    for (let i = 0; i < 4; i++) publisher.send(i, `g${i}`);
    clock.advance(1000);
    left.subscription.shed();
    assert.deepEqual(states(left.viewer), ["finished", "finished", "finished", "finished"]);
    const { sentPayload } = left.subscription;
    for (const one of [left.subscription, subscription]) one.dark();
    for (const one of [left.viewer, viewer]) assert.deepEqual(states(one), ["reset", "reset", "reset", "finished"]);
    assert.equal(relay.counters.groupsDropped.backlog, 6);
    assert.equal(left.subscription.sentPayload, sentPayload, "counted once");
    assert.equal(left.subscription.sending, 1);
  });

  it("keeps what it was sent in the dark when it wants all groups", () => {
    const { viewer, subscription } = stuck({ ...LIVE, maxLatency: ALL_GROUPS });
    for (let i = 0; i < 4; i++) publisher.send(i, `g${i}`);
    subscription.dark();
    assert.deepEqual(states(viewer), ["finished", "finished", "finished", "finished"]);
  });

  it("gets what is on the way when it leaves", () => {
    const distant = new FakeViewer();
    distant.far = true;
    const { viewer, subscription } = watch(LIVE, distant);
    publisher.send(0, "a");
    publisher.send(1, "b");
    clock.advance(1000);
    subscription.cancel();
    assert.equal(viewer.streams[0]?.state, "finished");
  });

  it("has a record of a group until it is acknowledged, and the place of a newer one is before it", () => {
    const distant = new FakeViewer();
    distant.far = true;
    const { viewer, subscription } = watch({ ...LIVE, priority: 5 }, distant);
    for (let i = 0; i < 3; i++) publisher.send(i, "x");
    assert.deepEqual(
      viewer.streams.map(({ priority }) => priority),
      [rank(4, 5, 3, 2), rank(4, 5, 3, 1), rank(4, 5, 3, 0)],
    );
    for (const stream of viewer.streams) stream.acknowledged = true;
    clock.advance(1000);
    assert.equal(subscription.sending, 0);
  });

  it("loses no group that is under way for those that wait for their acknowledgement alone", () => {
    const distant = Object.assign(new FakeViewer(), { maxGroups: 4, far: true });
    const { viewer } = watch(LIVE, distant);
    const long = publisher.group(0);
    say(long, "a");
    for (let i = 1; i <= 12; i++) publisher.send(i, "x");
    say(long, "b");
    long.finish();
    assert.deepEqual([states(viewer)[0], viewer.streams.length], ["finished", 13]);
    assert.equal(relay.counters.groupsDropped.backlog, 0);
  });

  it("keeps no record of groups that have left", () => {
    const { subscription } = watch();
    for (let i = 0; i < 1000; i++) {
      publisher.send(i, "x");
      clock.advance(20);
    }
    assert.ok(subscription.sending < 10, `${subscription.sending} streams`);
  });
});

describe("a group whose end never comes", () => {
  it("is ended once it has a successor and no frame came for ten seconds", () => {
    const { viewer } = watch();
    const stops: string[] = [];
    const lost = publisher.group(0);
    lost.onStop((reason) => stops.push(reason));
    say(lost, "whole");
    const cut = publisher.group(1);
    cut.onStop((reason) => stops.push(reason));
    cut.object(10, 0);
    for (let i = 2; i < 15; i++) {
      publisher.send(i, "x");
      clock.advance(1000);
    }
    assert.deepEqual(viewer.groups.slice(0, 2), ["0:finished:[5]whole", "1:reset:"]);
    assert.deepEqual(stops, ["cancelled", "cancelled"]);
  });
});

describe("datagrams", () => {
  it("reach the viewers in range and are not cached", () => {
    const { viewer } = watch();
    publisher.sink.started(3);
    publisher.send(3, "a");
    publisher.sink.datagram(datagramGroup(4, 77, Buffer.from("d")));
    publisher.sink.datagram(datagramGroup(2, 77, Buffer.from("old")));
    assert.deepEqual(viewer.log.slice(2), ["datagram 4 77 d"]);
  });
});

describe("bounds", () => {
  it("refuse a frame that is too large, and reset its group alone", () => {
    startPublished({ frameBytes: 10 });
    const { viewer } = watch();
    const stops: string[] = [];
    const large = publisher.group(0);
    large.onStop((reason) => stops.push(reason));
    large.object(11, 0);
    publisher.send(1, "ok");
    assert.deepEqual(stops, ["frame_too_large"]);
    assert.deepEqual(viewer.groups, ["0:reset:", "1:finished:[2]ok"]);
    assert.equal(relay.counters.boundsHit.frame_bytes, 1);
    assert.equal(relay.counters.groupsDropped.refused, 1);
  });

  it("refuse a track and a broadcast too many", () => {
    startPublished({ tracksPerBroadcast: 2, broadcasts: 1 });
    const viewers = ["a", "b", "c"].map((track) => {
      const viewer = new FakeViewer();
      relay.subscribe("live/cam", track, LIVE, viewer);
      return viewer;
    });
    assert.deepEqual(viewers[2]?.log, ["closed limit"]);
    assert.equal(relay.publish("live/two", AD, publisher), "limit");
  });
});

describe("fetch", () => {
  const plain = channel();
  const over: number[] = [];
  beforeEach(() => {
    over.length = 0;
  });

  function fetch(sequence: number, priority = 0) {
    const stream = new FakeStream(sequence, 0, false);
    const cancel = relay.fetch({ path: "live/cam", track: "video", sequence, priority }, plain, stream, () =>
      over.push(sequence),
    );
    return { stream, cancel };
  }

  it("serves a cached group without asking the publisher", () => {
    watch();
    publisher.send(0, "a", "b");
    publisher.send(1, "c");
    assert.equal(fetch(0).stream.text, "[1]a[1]b");
    assert.equal(publisher.fetches.length, 0);
    assert.equal(relay.counters.fetchHits, 1);
  });

  it("asks upstream once for all viewers, and keeps the answer", () => {
    const first = fetch(9).stream;
    const second = fetch(9).stream;
    assert.equal(publisher.fetches.length, 1);
    const writer = publisher.fetches[0]?.writer;
    assert.ok(writer);
    say(writer, "a");
    const third = fetch(9).stream;
    say(writer, "b");
    writer.finish();
    for (const stream of [first, second, third, fetch(9).stream]) {
      assert.equal(stream.text, "[1]a[1]b");
      assert.equal(stream.state, "finished");
    }
    assert.deepEqual(over, [9, 9, 9, 9]);
    assert.equal(publisher.fetches.length, 1);
  });

  it("passes on a failure, and is cancelled when the last viewer leaves", () => {
    const failed = fetch(1).stream;
    publisher.fetches[0]?.writer.reset("not_found");
    assert.equal(failed.state, "reset");
    const a = fetch(2);
    const b = fetch(2);
    a.cancel();
    assert.equal(publisher.fetches[1]?.cancelled, false);
    b.cancel();
    assert.equal(publisher.fetches[1]?.cancelled, true);
    assert.equal(relay.cache.bytes, 0);
  });

  it("of a group that does not exist yet keeps it from no viewer", () => {
    const { viewer } = watch();
    publisher.send(0, "a");
    const early = fetch(1);
    publisher.send(1, "b");
    const second = fetch(2).stream;
    say(publisher.fetches[1]?.writer as SubgroupWriter, "fetched");
    publisher.fetches[1]?.writer.finish();
    publisher.send(2, "c");
    assert.deepEqual(viewer.groups, ["0:finished:[1]a", "1:finished:[1]b", "2:finished:[1]c"]);
    assert.equal(fetch(2).stream.text, "[1]c", "the live one is kept");
    assert.equal(second.text, "[7]fetched");
    publisher.fetches[0]?.writer.reset("not_found");
    assert.equal(early.stream.state, "reset");
    assert.equal(fetch(1).stream.text, "[1]b", "and stays when the answer is a refusal");
    assert.throws(() => publisher.group(2), /duplicate/);
  });

  it("of a group far ahead does not move the newest group", () => {
    const { viewer } = watch();
    publisher.send(0, "a");
    fetch(1_000_000);
    publisher.fetches[0]?.writer.finish();
    const other = new FakeSource();
    relay.publish("live/cam", { ...AD, cost: 0 }, other);
    other.send(1, "b");
    assert.deepEqual(viewer.groups, ["0:finished:[1]a", "1:finished:[1]b"]);
  });

  it("of an unknown broadcast is refused", () => {
    const stream = new FakeStream(0, 0, false);
    relay.fetch({ path: "unknown", track: "video", sequence: 0, priority: 0 }, plain, stream, () => {});
    assert.equal(stream.state, "reset");
  });
});

describe("the payload that a subscription was sent", () => {
  it("counts each group once: under way, whole, reset, and when the viewer leaves", () => {
    const { subscription } = watch(LIVE);
    publisher.send(0, "four");
    const open = publisher.group(1);
    say(open, "ab");
    assert.equal(subscription.sentPayload, 6);
    say(open, "cd");
    assert.equal(subscription.sentPayload, 8);
    clock.advance(200);
    assert.equal(subscription.sentPayload, 8);
    subscription.cancel();
    say(open, "too late");
    assert.equal(subscription.sentPayload, 8);
    open.finish();

    const slow = stuck({ ...LIVE, maxLatency: 500 }).subscription;
    const before = slow.sentPayload;
    publisher.send(2, "late");
    assert.equal(slow.sentPayload - before, 4);
    clock.advance(1000);
    publisher.send(3, "new");
    clock.advance(100);
    assert.ok(relay.counters.groupsDropped.expired >= 1);
    assert.equal(slow.sentPayload - before, 7);
  });
});
