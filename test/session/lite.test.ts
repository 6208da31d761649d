import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FetchIntoGroup } from "../../moq/model/fetched-group.ts";
import { datagramGroup, groupRange, wholeGroup } from "../../moq/model/locations.ts";
import { codeOf } from "../../moq/session/lite/codes.ts";
import { LIVE, TestRelay, TestViewer, TRACK, VERSIONS, write } from "./support.ts";

const hasTrackStream = (version: string) => !["moq-lite-03", "moq-lite-04"].includes(version);

for (const version of VERSIONS) {
  describe(`${version} through the relay`, () => {
    async function pair() {
      const relay = await TestRelay.start();
      const publisher = await relay.connect(version);
      const viewer = await relay.connect(version, "/", "");
      return { relay, publisher, viewer };
    }

    it("announces, updates and ends broadcasts", async () => {
      const { relay, publisher, viewer } = await pair();
      const live = () => [...viewer.broadcasts.list()].map((broadcast) => broadcast.path).sort();
      const first = publisher.publish("live/a");
      publisher.publish("live/b");
      await relay.pass(100);
      assert.deepEqual(live(), ["live/a", "live/b"]);
      first.end();
      await relay.pass(100);
      assert.deepEqual(live(), ["live/b"]);
      publisher.session.close(0, "done");
      await relay.pass(100);
      assert.deepEqual(live(), []);
      assert.deepEqual(relay.defects, []);
    });

    it("delivers groups, timestamps and the end of a track", async () => {
      const { relay, publisher, viewer } = await pair();
      const broadcast = publisher.publish("live/a");
      await relay.pass(100);
      const watched = viewer.watch("live/a");
      await relay.pass(100);
      assert.equal(broadcast.sinks.size, 1);
      for (const writer of broadcast.open(4)) {
        write(writer, Buffer.from("a"), 1000);
        write(writer, Buffer.from(""), 1033);
        write(writer, Buffer.from("c"), 990);
        writer.finish();
      }
      await relay.pass(100);
      assert.deepEqual(watched.groupLines, ["4 finished a||c"]);
      if (hasTrackStream(version)) assert.deepEqual(watched.groups[0]?.timestamps, [1000, 1033, 990]);
      for (const sink of broadcast.sinks) {
        sink.ended(5);
        sink.closed(undefined);
      }
      await relay.pass(2000);
      assert.equal(watched.log.at(-1), "closed cleanly");
      assert.deepEqual(relay.defects, []);
    });

    it("subscribes once for several viewers, passes updates on, and unsubscribes after the last viewer", async () => {
      const { relay, publisher, viewer } = await pair();
      const broadcast = publisher.publish("live/a");
      await relay.pass(100);
      const viewers = [viewer.watch("live/a"), viewer.watch("live/a", { ...LIVE, maxLatency: 900 })];
      await relay.pass(100);
      assert.equal(broadcast.requests.length >= 1, true);
      assert.equal(broadcast.sinks.size, 1);
      viewers[0]?.upstream?.update({ ...LIVE, priority: 77 });
      await relay.pass(100);
      assert.equal(broadcast.requests.at(-1)?.priority, 77);
      for (const each of viewers) each.upstream?.cancel();
      await relay.pass(10_000);
      assert.equal(broadcast.sinks.size, 0);
      assert.equal(relay.counters.subscriptionsActive, 0);
      assert.equal(relay.counters.tracksActive, 0);
      assert.equal(relay.broadcasts.cache.bytes, 0);
    });

    it("fetches from the cache, and from the publisher what the cache does not have", async () => {
      const { relay, publisher, viewer } = await pair();
      const broadcast = publisher.publish("live/a");
      await relay.pass(100);
      viewer.watch("live/a");
      await relay.pass(100);
      broadcast.send(0, "cached");
      broadcast.send(1, "newest");
      await relay.pass(100);
      const sink = new TestViewer();
      const [cached, missing] = [sink.subgroup(wholeGroup(0)), sink.subgroup(wholeGroup(9))];
      viewer.session.source.fetch("live/a", TRACK, groupRange(0), 0, new FetchIntoGroup(cached));
      viewer.session.source.fetch("live/a", TRACK, groupRange(9), 0, new FetchIntoGroup(missing));
      await relay.pass(100);
      // In 03 and 04 only SUBSCRIBE_OK says how long groups are kept.
      assert.deepEqual(sink.groupLines[0], "0 finished cached");
      assert.deepEqual(sink.groupLines[1], "9 finished fetched 9|more");
      assert.deepEqual(broadcast.fetched, [9]);
      assert.equal(relay.counters.fetchHits, 1);
    });

    it("refuses a broadcast that does not exist, after a bounded wait", async () => {
      const { relay, publisher, viewer } = await pair();
      publisher.publish("live/a");
      await relay.pass(100);
      const nothing = viewer.watch("live/a", LIVE, "nothing");
      const missing = viewer.watch("live/missing");
      await relay.pass(20_000);
      assert.match(nothing.log.at(-1) ?? "", /^closed (not_found|timeout)/);
      assert.equal(missing.log.at(-1), "closed not_found");
    });

    it("sends GOAWAY, and sends nothing in versions without it", async () => {
      const { relay, viewer } = await pair();
      for (const session of relay.sessions) session.goaway("https://elsewhere/");
      await relay.pass(100);
      assert.equal(viewer.link.ended, false);
      const after = viewer.watch("live/a");
      await relay.pass(100);
      // After GOAWAY no new streams are opened (moq-lite Goaway).
      assert.deepEqual(after.log, version === "moq-lite-03" ? [] : ["closed upstream"]);
    });

    it("puts the root from the URL before every path", async () => {
      const relay = await TestRelay.start();
      const inside = await relay.connect(version, "/tenant/one");
      const outside = await relay.connect(version, "/", "");
      const sibling = await relay.connect(version, "/tenant", "");
      inside.publish("cam");
      await relay.pass(300);
      const paths = (client: typeof outside) => [...client.broadcasts.list()].map((broadcast) => broadcast.path);
      assert.deepEqual(paths(outside), ["tenant/one/cam"]);
      assert.deepEqual(paths(sibling), ["one/cam"]);
    });
  });
}

describe("between versions", () => {
  for (const from of VERSIONS) {
    it(`a broadcast published in ${from} is watched in all others`, async () => {
      const relay = await TestRelay.start();
      const publisher = await relay.connect(from);
      const broadcast = publisher.publish("live/a");
      await relay.pass(300);
      const viewers = [];
      for (const version of VERSIONS) viewers.push((await relay.connect(version)).watch("live/a"));
      await relay.pass(100);
      for (let i = 0; i < 5; i++) broadcast.send(i, `key ${i}`, "delta", "");
      await relay.pass(100);
      for (const { groupLines } of viewers) {
        assert.deepEqual(
          groupLines.toSorted(),
          [0, 1, 2, 3, 4].map((i) => `${i} finished key ${i}|delta|`),
        );
      }
      assert.equal(broadcast.sinks.size, 1);
      assert.deepEqual(relay.defects, []);
    });
  }

  it("datagrams are sent to the viewers whose version has them", async () => {
    const relay = await TestRelay.start();
    const broadcast = (await relay.connect("moq-lite-05")).publish("live/a");
    await relay.pass(100);
    const timed = (await relay.connect("moqmesh-1")).watch("live/a");
    const plain = (await relay.connect("moq-lite-04")).watch("live/a");
    await relay.pass(100);
    for (const sink of broadcast.sinks) sink.datagram(datagramGroup(7, 123, Buffer.from("d")));
    await relay.pass(100);
    assert.ok(timed.log.includes("datagram 7 123 d"));
    assert.ok(!plain.log.some((line) => line.startsWith("datagram")));
  });
});

describe("moqmesh-1", () => {
  it("announces the epoch of the publisher that takes the path", async () => {
    const relay = await TestRelay.start();
    const publisher = await relay.connect("moqmesh-1");
    const first = publisher.publish("live/a");
    const viewer = await relay.connect("moqmesh-1", "/", "");
    await relay.pass(100);
    const [broadcast] = viewer.broadcasts.list();
    assert.equal(broadcast?.route()?.advertisement.epoch, first.epoch);
    const second = (await relay.connect("moqmesh-1")).publish("live/a");
    await relay.pass(100);
    assert.equal(broadcast?.route()?.advertisement.epoch, second.epoch, "ANNOUNCE_UPDATE has the new epoch");
  });
});

describe("codes", () => {
  it("are those of moq-rs where it has the reason", () => {
    assert.equal(codeOf("cancelled"), 0);
    assert.equal(codeOf("not_found"), 13);
    assert.equal(codeOf("protocol"), 15);
    assert.equal(codeOf("lagged"), 26);
  });
});
