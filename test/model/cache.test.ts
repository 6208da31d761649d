/** Which groups the cache keeps for later viewers, and how live groups that it cannot keep pass through. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { wholeGroup } from "../../moq/model/locations.ts";
import { clock, publisher, relay, startPublished, watch } from "./relay.ts";
import { AD, channel, FakeStream, FakeViewer, INFO, LIVE, say } from "./support.ts";

const chunk = "x".repeat(10_000);

beforeEach(() => {
  startPublished();
});

describe("the cache", () => {
  it("stays within its budget and never evicts the newest group of a live track", () => {
    startPublished({}, { bytes: 100_000 });
    const { viewer } = watch();
    for (let i = 0; i < 30; i++) {
      publisher.send(i, chunk);
      assert.ok(relay.cache.bytes <= 100_000, `${relay.cache.bytes} bytes`);
    }
    assert.equal(viewer.groups.length, 30);
    assert.ok(relay.counters.cacheEvictions > 0);
    const late = watch().viewer;
    assert.equal(late.streams[0]?.sequence, 29);
  });

  it("never uses the memory of an evicted group again while a reader may refer to it", () => {
    startPublished({}, { bytes: 100_000 });
    const { viewer } = watch();
    for (let i = 0; i < 60; i++) publisher.send(i, `${i % 10}`.repeat(10_000));
    assert.equal(relay.cache.segments.bytes, 0);
    for (const [i, group] of viewer.groups.entries()) {
      assert.equal(group, `${i}:finished:[10000]${`${i % 10}`.repeat(10_000)}`);
    }
  });

  it("uses the memory of evicted groups again where the engine copies what is written", () => {
    startPublished({}, { bytes: 100_000 });
    const { viewer } = watch(LIVE, new FakeViewer({ ...channel(), copies: true }));
    for (let i = 0; i < 60; i++) {
      publisher.send(i, `${i % 10}`.repeat(10_000));
      const late = watch(LIVE, new FakeViewer({ ...channel(), copies: true }));
      assert.deepEqual(late.viewer.groups, [`${i}:finished:[10000]${`${i % 10}`.repeat(10_000)}`]);
      late.subscription.cancel();
    }
    const memory = new Set(viewer.streams.flatMap(({ chunks }) => chunks.map(({ buffer }) => buffer)));
    assert.ok(memory.size < 20, `${memory.size} pieces for 60 groups`);
    assert.ok(relay.cache.segments.used < 2 * 100_000, `${relay.cache.segments.used} bytes in use`);
  });

  it("keeps groups as long as the publisher says, and no longer than the operator says", () => {
    publisher.answer = { ...INFO, maxLatency: 3000 };
    startPublished({}, { maxAgeMs: 2000 });
    watch();
    for (let i = 0; i < 10; i++) {
      publisher.send(i, "x");
      clock.advance(1000);
    }
    const { viewer } = watch({ ...LIVE, maxLatency: 60_000, start: 0 });
    assert.deepEqual(
      viewer.streams.map((stream) => stream.sequence),
      [7, 8, 9],
    );
  });

  it("has no bytes charged after the publisher and the viewers have gone", () => {
    const { subscription } = watch();
    for (let i = 0; i < 20; i++) publisher.send(i, chunk);
    publisher.group(20).object(50, 0);
    subscription.cancel();
    clock.advance(60_000);
    assert.equal(relay.cache.bytes, 0);
    assert.equal(relay.counters.cacheGroups, 0);
    assert.equal(clock.pending, 0);
  });

  it("goes on sending a group that was evicted while it is open", () => {
    startPublished({}, { bytes: 60_000 });
    const { viewer } = watch();
    const slow = publisher.group(0);
    say(slow, "start");
    for (let i = 1; i < 12; i++) publisher.send(i, chunk);
    say(slow, "tail");
    slow.finish();
    assert.equal(viewer.groups[0], "0:finished:[5]start[4]tail");
    assert.equal(
      watch({ ...LIVE, start: 0 }).viewer.streams.some((stream) => stream.sequence === 0),
      false,
    );
  });
});

describe("a byte that evicts another track's group", () => {
  /** A group of the track `old` was fetched and nothing else keeps that track; returns the log of the broadcast finder. */
  function fetched(bytes: number): string[] {
    startPublished({}, { bytes });
    const log: string[] = [];
    relay.findWith({
      watching: () => () => {},
      wanting: () => () => void log.push("not wanted any more"),
      routed: () => {},
    });
    relay.publish("live/old", AD, publisher);
    relay.fetch(
      { path: "live/old", track: "old", sequence: 0, priority: 0 },
      channel(),
      new FakeStream(0, 0, false),
      () => {},
    );
    const { writer } = publisher.fetches[0]!;
    say(writer, chunk);
    writer.finish();
    return log;
  }

  it("frees its bytes at once, and retires that track at the end of the turn", async () => {
    const log = fetched(100_000);
    watch();
    const live = publisher.group(0);
    for (let i = 0; i < 9; i++) {
      say(live, chunk);
      assert.ok(relay.cache.bytes <= 100_000, `${relay.cache.bytes} bytes`);
    }
    assert.equal(relay.counters.cacheEvictions, 1);
    assert.deepEqual(log, [], "it is retired in the same call");
    await clock.settle();
    assert.deepEqual(log, ["not wanted any more"]);
  });

  it("retires no track that is asked for again in the same turn", async () => {
    const log = fetched(100_000);
    watch();
    const live = publisher.group(0);
    for (let i = 0; i < 9; i++) say(live, chunk);
    relay.subscribe("live/old", "old", LIVE, new FakeViewer());
    await clock.settle();
    assert.deepEqual(log, []);
  });
});

describe("a live group that cannot be kept", () => {
  /** The newest group of an idle track takes 921,600 bytes of the budget. */
  function pinned(bytes: number): void {
    startPublished({}, { bytes });
    watch(LIVE, new FakeViewer(), "slides");
    const slide = publisher.group(0);
    for (let i = 0; i < 90; i++) say(slide, chunk);
    slide.finish();
  }

  it("reaches its viewers whole while another track's newest group holds the budget", () => {
    pinned(1_000_000);
    const { viewer } = watch();
    for (let i = 0; i < 5; i++) {
      const group = publisher.group(i);
      for (let n = 0; n < 30; n++) say(group, chunk);
      group.finish();
      assert.ok(relay.cache.bytes <= 1_000_000, `${relay.cache.bytes} bytes`);
    }
    assert.deepEqual(
      viewer.streams.map(({ state, text }) => `${state} ${text.length}`),
      Array(5).fill(`finished ${30 * 10_007}`),
    );
    assert.equal(relay.counters.boundsHit.cache_bytes, 5);
    assert.equal(
      watch(LIVE, new FakeViewer(), "slides").viewer.streams.length,
      1,
      "the other track's group is still kept",
    );
  });

  it("makes room for a catalog when it is large", () => {
    pinned(925_000);
    watch(LIVE, new FakeViewer(), "catalog");
    publisher.send(0, chunk);
    assert.equal(relay.counters.cacheGroups, 1);
    assert.equal(watch(LIVE, new FakeViewer(), "catalog").viewer.streams[0]?.state, "finished");
    assert.equal(watch(LIVE, new FakeViewer(), "slides").viewer.streams.length, 0);
  });

  it("flows without any budget, and later viewers get the next one", () => {
    startPublished({}, { bytes: 0 });
    const { viewer } = watch(LIVE, new FakeViewer(channel("timed")));
    const group = publisher.group(0);
    group.object(6, 1000);
    group.payload(Buffer.from("abc"));
    const late = watch(LIVE, new FakeViewer(channel("timed"))).viewer;
    group.payload(Buffer.from("def"));
    group.end();
    say(group, "", 1010);
    say(group, "x", 1020);
    group.finish();
    publisher.send(1, "next");
    assert.deepEqual(viewer.groups, ["0:finished:[6@1000]abcdef[0@10][1@10]x", "1:finished:[4@0]next"]);
    assert.deepEqual(late.groups, ["1:finished:[4@0]next"]);
    assert.deepEqual(late.log, ["accepted 1000", "dropped 0-0 lagged", "started 0"]);
    assert.equal(relay.counters.groupsDropped.evicted, 1);
    assert.equal(relay.cache.bytes, 0);
    assert.equal(relay.counters.cacheEvictions, 0, "a group that was not kept counts as no eviction");
  });

  it("waits for the track's properties, so that its first viewers get it", () => {
    publisher.answer = null;
    startPublished({}, { bytes: 0 });
    const { viewer } = watch();
    publisher.send(0, "catalog");
    publisher.sink.info(INFO);
    assert.deepEqual(viewer.groups, ["0:finished:[7]catalog"]);
    assert.equal(relay.cache.bytes, 0);
  });

  it("does not keep the next group from being kept", () => {
    startPublished({}, { bytes: 50_000 });
    watch();
    const group = publisher.group(0);
    for (let n = 0; n < 9; n++) say(group, chunk);
    publisher.send(1, "small");
    assert.deepEqual(watch().viewer.groups, ["1:finished:[5]small"]);
  });

  for (const [bound, limits] of [
    ["frames_per_group", { framesPerGroup: 4 }],
    ["group_bytes", { groupBytes: 25 }],
  ] as const) {
    it(`goes on past ${bound}, and its start is kept no longer`, () => {
      startPublished(limits);
      const { viewer } = watch();
      const endless = publisher.group(0);
      const stops: string[] = [];
      endless.onStop((reason) => stops.push(reason));
      for (let i = 0; i < 20; i++) say(endless, "0123456");
      assert.deepEqual(viewer.groups, [`0:open:${"[7]0123456".repeat(20)}`]);
      assert.equal(relay.counters.boundsHit[bound], 1, "once for each group");
      assert.equal(relay.cache.bytes, 0);
      assert.deepEqual(watch().viewer.log, ["accepted 1000", "dropped 0-0 lagged"]);
      const fetched = new FakeStream(0, 0, false);
      relay.fetch({ path: "live/cam", track: "video", sequence: 0, priority: 0 }, channel(), fetched, () => {});
      assert.equal(publisher.fetches.length, 1, "a FETCH from its start goes to the publisher");
      endless.finish();
      assert.equal(viewer.streams[0]?.state, "finished");
      assert.deepEqual(stops, []);
    });
  }

  it("is reset when its publisher goes", () => {
    startPublished({ framesPerGroup: 1 });
    const { viewer } = watch();
    const endless = publisher.group(0);
    for (let i = 0; i < 3; i++) say(endless, "x");
    assert.equal(publisher.sink.subgroup(wholeGroup(0)), "duplicate", "the group counts as begun while it flows");
    publisher.sink.closed("upstream");
    assert.equal(viewer.streams[0]?.state, "reset");
  });

  it("reaches the viewers that fetch it", () => {
    startPublished({}, { bytes: 15_000 });
    const fetch = () => {
      const stream = new FakeStream(9, 0, false);
      const cancel = relay.fetch(
        { path: "live/cam", track: "video", sequence: 9, priority: 0 },
        channel(),
        stream,
        () => {},
      );
      return { stream, cancel };
    };
    const first = fetch();
    for (let i = 0; i < 3; i++) say(publisher.fetches[0]!.writer, chunk);
    const second = fetch();
    assert.equal(publisher.fetches.length, 2, "a group that is not kept is fetched again");
    second.cancel();
    assert.deepEqual(
      publisher.fetches.map(({ cancelled }) => cancelled),
      [false, true],
    );
    publisher.fetches[0]?.writer.finish();
    assert.equal(first.stream.state, "finished");
    assert.equal(first.stream.text.length, 3 * 10_007);
    assert.equal(relay.cache.bytes, 0);
  });
});

describe("groups with a large gap between their numbers", () => {
  for (const [older, newer] of [
    [100, 5000],
    [1_700_000_000_000_000, 1_700_000_000_033_333],
  ] as const) {
    it(`${older} and ${newer} are both accepted, in either order`, () => {
      for (const order of [
        [older, newer],
        [newer, older],
      ]) {
        startPublished();
        const { viewer } = watch();
        publisher.sink.started(older);
        for (const sequence of order) publisher.send(sequence, `${sequence}`);
        assert.deepEqual(
          viewer.groups,
          order.map((sequence) => `${sequence}:finished:[${`${sequence}`.length}]${sequence}`),
        );
      }
    });
  }
});
