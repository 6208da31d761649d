import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { TrackInfo } from "../../moq/model/contract.ts";
import { wholeGroup } from "../../moq/model/locations.ts";
import type { Reason } from "../../moq/reason.ts";
import { clock, publish, relay, start, watch } from "./relay.ts";
import { AD, channel, FakeSource, FakeViewer, INFO, LIVE, say } from "./support.ts";

let publisher: FakeSource;

beforeEach(() => {
  publisher = new FakeSource();
});

describe("fan-out", () => {
  it("subscribes upstream once for many viewers and gives each every byte in order", () => {
    publish(publisher);
    const viewers = [watch().viewer, watch().viewer, watch().viewer];
    publisher.sink.started(4);
    const group = publisher.group(4);
    group.object(6, 0);
    group.payload(Buffer.from("abc"));
    for (const { groups } of viewers) assert.deepEqual(groups, ["4:open:[6]abc"], "bytes are passed on as they arrive");
    group.payload(Buffer.from("def"));
    group.end();
    say(group, "", 10);
    say(group, "x", 20);
    group.finish();
    assert.equal(publisher.subscriptions.length, 1);
    for (const { groups, log } of viewers) {
      assert.deepEqual(groups, ["4:finished:[6]abcdef[0][1]x"]);
      assert.deepEqual(log, ["accepted 1000", "started 4"]);
    }
    assert.equal(relay.counters.framesOut, 9);
    assert.equal(relay.counters.bytesOut, 21);
  });

  it("encodes for each dialect, with timestamps as deltas where it has them", () => {
    publish(publisher);
    const timed = watch(LIVE, new FakeViewer(channel("timed"))).viewer;
    const plain = watch().viewer;
    const group = publisher.group(0);
    say(group, "a", 1000);
    say(group, "b", 1033);
    const late = watch(LIVE, new FakeViewer(channel("late"))).viewer;
    say(group, "c", 1020);
    group.finish();
    assert.deepEqual(timed.groups, ["0:finished:[1@1000]a[1@33]b[1@-13]c"]);
    assert.deepEqual(late.groups, ["0:finished:[1@1000]a[1@33]b[1@-13]c"]);
    assert.deepEqual(plain.groups, ["0:finished:[1]a[1]b[1]c"]);
  });

  it("stamps the arrival in milliseconds when the publisher sends no timestamps", () => {
    publisher = new FakeSource({ hasInfo: false });
    publish(publisher);
    clock.advance(500);
    const { viewer } = watch(LIVE, new FakeViewer(channel("timed")));
    publisher.sink.info({ ...INFO, timescale: 1000 });
    clock.advance(250);
    const group = publisher.group(0);
    say(group, "a");
    clock.advance(40);
    say(group, "b");
    assert.deepEqual(viewer.groups, ["0:open:[1@250]a[1@40]b"]);
  });

  it("gives a late joiner the current group from its start at once, and nothing before it", () => {
    publish(publisher);
    watch();
    publisher.send(0, "old");
    const group = publisher.group(1);
    say(group, "key");
    const { viewer } = watch();
    assert.deepEqual(viewer.groups, ["1:open:[3]key"]);
    assert.equal(viewer.streams[0]?.chunks.length, 1, "in one write");
    say(group, "delta");
    group.finish();
    assert.deepEqual(viewer.groups, ["1:finished:[3]key[5]delta"]);
  });

  it("keeps a large frame in pieces and gives a late joiner all of it", () => {
    publish(publisher);
    watch();
    const group = publisher.group(0);
    const big = "0123456789".repeat(30_000);
    group.object(big.length, 0);
    for (let at = 0; at < big.length; at += 7777) group.payload(Buffer.from(big.slice(at, at + 7777)));
    group.end();
    const { viewer } = watch();
    const other = watch(LIVE, new FakeViewer(channel("timed"))).viewer;
    assert.equal(viewer.streams[0]?.text, `[${big.length}]${big}`);
    assert.equal(other.streams[0]?.text, `[${big.length}@0]${big}`);
  });

  it("serves a range from the cache and ends it when its last group is complete", () => {
    publish(publisher);
    watch();
    for (let i = 0; i < 6; i++) publisher.send(i, `g${i}`);
    const { viewer } = watch({ ...LIVE, start: 2, end: 4 });
    assert.deepEqual(viewer.groups, ["2:finished:[2]g2", "3:finished:[2]g3", "4:finished:[2]g4"]);
    assert.deepEqual(viewer.log, ["accepted 1000", "started 2", "ended 5", "closed cleanly"]);
  });

  it("subscribes upstream with the merged options of all viewers", () => {
    publish(publisher);
    const a = watch({ priority: 1, ordered: true, maxLatency: 100 });
    assert.deepEqual(publisher.subscriptions[0]?.options, { priority: 1, ordered: true, maxLatency: 100 });
    const b = watch({ priority: 9, ordered: false, maxLatency: 50 });
    assert.deepEqual(publisher.subscriptions[0]?.options, { priority: 9, ordered: false, maxLatency: 100 });
    b.subscription?.cancel();
    clock.advance(100);
    assert.deepEqual(publisher.subscriptions[0]?.options, { priority: 1, ordered: true, maxLatency: 100 });
    a.subscription?.cancel();
  });
});

describe("an upstream subscription that began inside a group", () => {
  it("keeps its first object in updates, once a group has come", () => {
    publish(publisher);
    const { subscription } = watch({ ...LIVE, start: 7, startObject: 4 });
    const begun = publisher.sink.subgroup({ ...wholeGroup(7), firstObject: false });
    assert.notEqual(typeof begun, "string");
    const priority = LIVE.priority + 1;
    subscription.update({ ...LIVE, start: 7, startObject: 4, priority });
    clock.advance(100);
    const { options } = publisher.subscriptions[0] ?? {};
    assert.deepEqual([options?.priority, options?.start, options?.startObject], [priority, 7, 4]);
    watch({ ...LIVE, start: 7, startObject: 2 });
    watch();
    clock.advance(100);
    assert.deepEqual(
      [options?.start, options?.startObject],
      [7, 4],
      "what is earlier comes from the cache or by FETCH",
    );
  });
});

describe("a subscription's end", () => {
  it("keeps the upstream subscription of live media for a while after the last viewer left, then ends it", () => {
    publish(publisher);
    const { subscription } = watch();
    publisher.send(0, "a");
    subscription?.cancel();
    clock.advance(1900);
    const again = watch();
    assert.deepEqual(again.viewer.groups, ["0:finished:[1]a"], "the same upstream subscription goes on");
    again.subscription?.cancel();
    clock.advance(1000);
    publisher.send(1, "b");
    clock.advance(1100);
    assert.equal(publisher.subscriptions[0]?.cancelled, true);
    assert.equal(relay.cache.bytes, 0);
    const { viewer } = watch();
    assert.deepEqual(viewer.groups, [], "a group that came without viewers is not the current one");
    assert.equal(publisher.subscriptions.length, 2);
  });

  it("passes on the end of a track after the groups that were still coming", () => {
    publish(publisher);
    const { viewer } = watch();
    publisher.send(0, "a");
    publisher.sink.ended(2);
    publisher.sink.closed(undefined);
    assert.deepEqual(viewer.log.slice(2), []);
    publisher.send(1, "b");
    clock.advance(500);
    assert.deepEqual(viewer.groups, ["0:finished:[1]a", "1:finished:[1]b"]);
    assert.deepEqual(viewer.log.slice(2), ["ended 2", "closed cleanly"]);
  });

  it("passes on a refusal", () => {
    publish(publisher);
    const { viewer } = watch();
    publisher.sink.closed("not_found");
    assert.deepEqual(viewer.log.slice(-1), ["closed not_found"]);
    assert.equal(relay.counters.subscriptionsActive, 0);
  });

  it("resets a group for all viewers when its publisher goes inside a frame", () => {
    publish(publisher);
    const { viewer } = watch();
    const group = publisher.group(0);
    group.object(100, 0);
    group.payload(Buffer.from("half"));
    group.reset("upstream");
    assert.deepEqual(viewer.groups, ["0:reset:[100]half"]);
    assert.equal(viewer.streams[0]?.code, 24);
    assert.equal(relay.cache.bytes, 0);
  });
});

describe("a path with several publishers", () => {
  it("replaces a publisher by its new session while viewers go on, numbered upwards", () => {
    const old = publish(publisher);
    const { viewer } = watch();
    publisher.send(0, "a");
    publisher.send(1, "b");
    const half = publisher.group(2);
    say(half, "c");
    const next = new FakeSource();
    publish(next, { ...AD, hops: [8n] });
    assert.equal(publisher.subscriptions[0]?.cancelled, true);
    next.send(0, "A");
    next.send(1, "B");
    assert.deepEqual(viewer.groups, [
      "0:finished:[1]a",
      "1:finished:[1]b",
      "2:reset:[1]c",
      "3:finished:[1]A",
      "4:finished:[1]B",
    ]);
    old.end(true);
    next.send(2, "C");
    assert.equal(viewer.groups.at(-1), "5:finished:[1]C");
    assert.ok(!viewer.log.some((line) => line.startsWith("closed")));
  });

  it("goes back to the older publisher when the newer one ends", () => {
    publish(publisher);
    const newer = new FakeSource();
    const publication = publish(newer, { ...AD, hops: [8n] });
    const { viewer } = watch();
    assert.equal(publisher.subscriptions.length, 0);
    newer.send(10, "new");
    publication.end(true);
    publisher.send(3, "old");
    assert.deepEqual(viewer.groups, ["10:finished:[3]new", "14:finished:[3]old"], "with room for what it overtook");
  });

  it("sends the older publisher's current group again, and none before it", () => {
    publish(publisher);
    const { viewer } = watch();
    publisher.send(0, "a");
    publisher.send(1, "b");
    const newer = new FakeSource();
    const publication = publish(newer, { ...AD, hops: [8n] });
    newer.send(0, "A");
    publication.end(true);
    publisher.send(1, "b");
    assert.equal(publisher.sink.subgroup(wholeGroup(0)), "duplicate");
    publisher.send(2, "c");
    assert.deepEqual(viewer.groups, [
      "0:finished:[1]a",
      "1:finished:[1]b",
      "2:finished:[1]A",
      "3:finished:[1]b",
      "4:finished:[1]c",
    ]);
  });

  it("follows an older publisher that counts from 0 again when it takes over again", () => {
    publish(publisher);
    const { viewer } = watch();
    for (const [sequence, text] of ["a", "b", "c"].entries()) publisher.send(sequence, text);
    const newer = new FakeSource();
    const publication = publish(newer, { ...AD, hops: [8n] });
    newer.send(0, "A");
    publication.end(true);
    publisher.send(0, "d");
    publisher.send(1, "e");
    assert.deepEqual(viewer.groups.slice(3), ["3:finished:[1]A", "4:finished:[1]d", "5:finished:[1]e"]);
  });

  it("numbers groups that were overtaken", () => {
    publish(publisher);
    const { viewer } = watch();
    publisher.sink.started(0);
    publisher.send(2, "c");
    publisher.send(0, "a");
    publisher.send(1, "b");
    assert.deepEqual(viewer.groups, ["2:finished:[1]c", "0:finished:[1]a", "1:finished:[1]b"]);
    assert.deepEqual(viewer.log, ["accepted 1000", "started 0"]);
    const next = new FakeSource();
    publish(next, { ...AD, hops: [8n] });
    next.send(1, "B");
    next.send(0, "A");
    assert.deepEqual(viewer.groups.slice(3), ["4:finished:[1]B", "3:finished:[1]A"]);
  });

  it("keeps the numbers of a route to the same content", () => {
    publish(publisher, { ...AD, epoch: 5n });
    const { viewer } = watch();
    publisher.send(100, "a");
    const other = new FakeSource();
    publish(other, { ...AD, epoch: 5n, hops: [9n], cost: 0 });
    assert.equal(other.subscriptions[0]?.options.start, 101);
    other.send(101, "b");
    assert.deepEqual(viewer.groups, ["100:finished:[1]a", "101:finished:[1]b"]);
  });

  it("keeps viewers waiting for a publisher that vanished until it is back", () => {
    const first = publish(publisher);
    const { viewer } = watch();
    publisher.send(7, "a");
    first.end(true);
    publisher.sink.closed("upstream");
    assert.equal(relay.counters.broadcastsActive, 0);
    clock.advance(9000);
    const back = new FakeSource();
    publish(back, { ...AD, hops: [8n] });
    back.send(0, "b");
    assert.deepEqual(viewer.groups, ["7:finished:[1]a", "8:finished:[1]b"]);
  });

  it("ends the viewers of a publisher that stays away", () => {
    const first = publish(publisher);
    const { viewer } = watch();
    publisher.send(7, "a");
    first.end(true);
    clock.advance(10_000);
    assert.deepEqual(viewer.log.slice(-1), ["closed upstream"]);
    assert.equal(clock.pending, 0);
  });

  it("rescales timestamps to the timescale that viewers know when the new publisher has another one", () => {
    publish(publisher);
    const { viewer } = watch(LIVE, new FakeViewer(channel("timed")));
    publisher.send(0, "a");
    const next = new FakeSource({ answer: { ...INFO, timescale: 90_000 } });
    publish(next, { ...AD, hops: [8n] });
    const group = next.group(0);
    say(group, "b", 90_000);
    assert.equal(viewer.groups.at(-1), "1:open:[1@1000]b");
  });
});

describe("waiting for a broadcast", () => {
  it("goes on when the broadcast appears in time", () => {
    const { viewer } = watch();
    clock.advance(9_999);
    publish(publisher);
    publisher.send(0, "a");
    assert.deepEqual(viewer.groups, ["0:finished:[1]a"]);
  });

  it("fails with a code when it does not", () => {
    const { viewer } = watch();
    clock.advance(10_000);
    assert.deepEqual(viewer.log, ["closed not_found"]);
    assert.equal([...relay.list()].length, 0);
    assert.equal(clock.pending, 0);
  });

  it("is bounded over the whole process", () => {
    start({ waitingSubscriptions: 1 });
    watch();
    const viewer = new FakeViewer();
    relay.subscribe("live/other", "video", LIVE, viewer);
    assert.deepEqual(viewer.log, ["closed limit"]);
    assert.equal(relay.counters.boundsHit.waiting_subscriptions, 1);
  });

  it("answers for a track's properties, once they are known", () => {
    const answers: (TrackInfo | Reason)[] = [];
    relay.info("live/cam", "video", (answer) => answers.push(answer));
    const cancel = relay.info("live/cam", "video", () => answers.push("internal"));
    cancel();
    publish(publisher);
    assert.deepEqual([...answers], [INFO]);
    relay.info("live/cam", "video", (answer) => answers.push(answer));
    assert.equal(answers.length, 2);
    assert.deepEqual(publisher.log, ["info video"]);
  });

  it("learns properties by subscribing where the version has no other way", () => {
    publisher = new FakeSource({ hasInfo: false });
    publish(publisher);
    const answers: unknown[] = [];
    relay.info("live/cam", "video", (answer) => answers.push(answer));
    publisher.sink.info(INFO);
    assert.deepEqual([...answers], [INFO]);
    clock.advance(2000);
    assert.equal(publisher.subscriptions[0]?.cancelled, true);
  });
});
