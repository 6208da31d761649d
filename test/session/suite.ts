/** What every protocol version does through a relay, whatever its family. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FetchIntoGroup } from "../../moq/model/fetched-group.ts";
import { groupRange, wholeGroup } from "../../moq/model/locations.ts";
import { LIVE, TestRelay, TestViewer, TRACK, write } from "./support.ts";

/** What differs between versions. */
export interface Traits {
  /** Objects carry timestamps. */
  readonly timestamps: boolean;
  readonly goaway: boolean;
  /** A change of the viewers' priorities reaches the publisher. */
  readonly priorities: boolean;
  readonly fetches: boolean;
  /** All announcements can be asked for at once. */
  readonly everything: boolean;
}

/** Declares the tests of one version. */
export function describeThroughRelay(
  version: string,
  { timestamps, goaway, priorities, fetches, everything }: Traits,
): void {
  describe(`${version} through the relay`, () => {
    async function pair() {
      const relay = await TestRelay.start();
      const publisher = await relay.connect(version);
      const viewer = await relay.connect(version, "/", everything ? "" : "live");
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
      if (timestamps) assert.deepEqual(watched.groups[0]?.timestamps, [1000, 1033, 990]);
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
      assert.equal(broadcast.requests.at(-1)?.priority, priorities ? 77 : LIVE.priority);
      for (const each of viewers) each.upstream?.cancel();
      await relay.pass(10_000);
      assert.equal(broadcast.sinks.size, 0);
      assert.equal(relay.counters.subscriptionsActive, 0);
      assert.equal(relay.counters.tracksActive, 0);
      assert.equal(relay.broadcasts.cache.bytes, 0);
    });

    if (fetches) {
      it("fetches from the cache, and from the publisher what the cache does not have", async () => {
        const { relay, publisher, viewer } = await pair();
        const broadcast = publisher.publish("live/a");
        await relay.pass(100);
        viewer.watch("live/a");
        await relay.pass(100);
        broadcast.send(10, "cached");
        broadcast.send(11, "newest");
        await relay.pass(100);
        const sink = new TestViewer();
        const [cached, missing] = [sink.subgroup(wholeGroup(10)), sink.subgroup(wholeGroup(9))];
        viewer.session.source.fetch("live/a", TRACK, groupRange(10), 0, new FetchIntoGroup(cached));
        viewer.session.source.fetch("live/a", TRACK, groupRange(9), 0, new FetchIntoGroup(missing));
        await relay.pass(100);
        // In 03 and 04 only SUBSCRIBE_OK says how long groups are kept.
        assert.deepEqual(sink.groupLines[0], "10 finished cached");
        assert.deepEqual(sink.groupLines[1], "9 finished fetched 9|more");
        assert.deepEqual(broadcast.fetched, [9]);
        assert.equal(relay.counters.fetchHits, 1);
      });
    }

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
      // After GOAWAY no new streams are opened (moq-lite Goaway; moq-transport GOAWAY).
      assert.deepEqual(after.log, goaway ? ["closed upstream"] : []);
    });

    it("puts the root from the URL before every path", async () => {
      const relay = await TestRelay.start();
      const inside = await relay.connect(version, "/tenant/one");
      const outside = await relay.connect(version, "/", everything ? "" : "tenant");
      const sibling = await relay.connect(version, "/tenant", everything ? "" : "one");
      inside.publish("cam");
      await relay.pass(300);
      const paths = (client: typeof outside) => [...client.broadcasts.list()].map((broadcast) => broadcast.path);
      assert.deepEqual(paths(outside), ["tenant/one/cam"]);
      assert.deepEqual(paths(sibling), ["one/cam"]);
    });
  });
}
