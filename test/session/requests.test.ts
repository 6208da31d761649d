import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Counters } from "../../moq/counters.ts";
import type { BidiStream } from "../../moq/link.ts";
import type { Asker } from "../../moq/model/contract.ts";
import type { TurnHandler } from "../../moq/session/intake.ts";
import { Opener, type OpenerDeps, type Place } from "../../moq/session/opener.ts";
import { READ } from "../../moq/wire/codec/allowance.ts";
import { FakeSource, FakeStream } from "../model/support.ts";
import { LIVE, TestRelay, VERSIONS } from "./support.ts";

/** Requests of viewers to a publisher: shares, time limits, and updates at a bounded rate. */

const SILENT: TurnHandler = { data: () => READ, fin: () => {}, reset: () => {}, stop: () => {} };

function scene(streams: number, limit = 100) {
  const clock = new ManualClock();
  const counters = new Counters();
  let left = streams;
  const link: OpenerDeps["link"] = {
    openBidi: () => {
      if (left === 0) return undefined;
      left--;
      return Object.assign(new FakeStream(0, 0, false), { id: 0, stop: () => {} }) satisfies BidiStream;
    },
  };
  const intake: OpenerDeps["intake"] = { stream: (handler) => handler };
  const opener = new Opener({ link, intake, clock, counters, limit, makeRoom: () => false });
  const log: string[] = [];
  const ask = (asker: Asker | undefined, name: string): Place =>
    opener.open({
      asker,
      shared: () => name.startsWith("shared"),
      handler: SILENT,
      opened: () => log.push(name),
      refused: (reason) => log.push(`${name} ${reason}`),
    });
  const allow = (more: number) => {
    left += more;
    opener.resume();
  };
  return { clock, counters, log, ask, allow };
}

function viewer(share: number): Asker {
  return { source: new FakeSource(), hop: 0n, share };
}

describe("requests to one publisher", () => {
  it("of a viewer wait while its share is unanswered; requests of other viewers do not", () => {
    const { log, ask, counters } = scene(100);
    const one = viewer(2);
    const [first] = ["a", "b", "c", "d"].map((name) => ask(one, name));
    ask(viewer(2), "other");
    ask(undefined, "own");
    assert.deepEqual(log, ["a", "b", "other", "own"]);
    assert.equal(counters.boundsHit.unanswered_per_viewer, 2);
    first?.answered();
    assert.deepEqual(log.slice(4), ["c"]);
  });

  it("count for another second when they are cancelled unanswered, so that asking again gains nothing", () => {
    const { clock, log, ask } = scene(100);
    const one = viewer(2);
    for (let i = 0; i < 10; i++) ask(one, `${i}`).leave();
    const last = ask(one, "last");
    assert.deepEqual(log, ["0", "1"]);
    clock.advance(1_000);
    assert.deepEqual(log.slice(2), ["last"]);
    last.answered();
    last.leave();
    assert.equal(clock.pending, 0);
  });

  it("open for the viewer with the fewest streams when the publisher allows another stream", () => {
    const { log, ask, allow } = scene(3);
    const busy = viewer(10);
    for (const name of ["a", "b"]) ask(busy, name);
    const idle = viewer(10);
    ask(viewer(10), "c");
    ask(busy, "d");
    ask(idle, "e");
    allow(1);
    allow(1);
    assert.deepEqual(
      log.filter((line) => !line.includes(" ")),
      ["a", "b", "c", "e", "d"],
    );
  });

  it("take the newest stream of a viewer with more than half of all, when another viewer waits", () => {
    const { clock, log, ask, allow } = scene(4);
    const busy = viewer(10);
    for (const name of ["a", "b", "c", "shared"]) ask(busy, name).answered();
    ask(busy, "e");
    ask(viewer(10), "other");
    assert.deepEqual(log.slice(4), [], "a publisher may allow more before long");
    clock.advance(1_000);
    assert.deepEqual(log.slice(4), ["c limit"], "a request that serves other viewers is spared");
    allow(1);
    assert.deepEqual(log.slice(5), ["other"]);
  });

  it("are refused at the end of the longest line when too many wait", () => {
    const { log, ask, counters } = scene(0, 4);
    const busy = viewer(10);
    for (const name of ["a", "b", "c", "d", "e"]) ask(busy, name);
    ask(viewer(10), "other");
    assert.deepEqual(log, ["e limit", "d limit"]);
    assert.equal(counters.boundsHit.pending_streams_per_session, 2);
  });

  for (const version of VERSIONS) {
    it(`end with the code for timeout when the publisher does not answer (${version})`, async () => {
      const relay = await TestRelay.start({ session: { unansweredPerViewer: 4 }, model: { tracksPerBroadcast: 60 } });
      const publisher = await relay.connect(version);
      const broadcast = publisher.publish("live/a");
      await relay.pass(300);
      const greedy = await relay.connect(version);
      const bogus = Array.from({ length: 50 }, (_, i) => greedy.watch("live/a", LIVE, `mute ${i}`));
      await relay.pass(100);
      const good = (await relay.connect(version)).watch("live/a");
      await relay.pass(100);
      broadcast.send(0, "a");
      await relay.pass(100);
      assert.deepEqual(good.groupLines, ["0 finished a"]);
      await relay.pass(5_000);
      assert.equal(bogus[0]?.log.at(-1), "closed timeout");
      assert.ok(relay.counters.boundsHit.request_timeout > 0);
      await relay.pass(60_000);
      assert.ok(bogus.every(({ log }) => log.at(-1)?.startsWith("closed")));
      assert.ok(!good.log.some((line) => line.startsWith("closed")));
      assert.deepEqual(relay.defects, []);
    });
  }

  it("do not time out when the publisher has the track and sends nothing", async () => {
    const relay = await TestRelay.start({ session: { unansweredPerViewer: 1 } });
    const broadcast = (await relay.connect()).publish("live/a");
    await relay.pass(100);
    const client = await relay.connect();
    const quiet = Array.from({ length: 10 }, (_, i) => client.watch("live/a", LIVE, `chat ${i}`));
    await relay.pass(500);
    assert.equal(broadcast.sinks.size, 10, "no subscription waits for an answer to another");
    await relay.pass(60_000);
    assert.ok(quiet.every(({ log }) => log.length === 0));
  });
});

describe("a viewer that updates its subscription all the time", () => {
  it("sends the publisher the newest options at a bounded rate", async () => {
    const relay = await TestRelay.start();
    const broadcast = (await relay.connect()).publish("live/a");
    await relay.pass(100);
    const viewer = (await relay.connect()).watch("live/a");
    await relay.pass(100);
    for (let i = 0; i < 1_000; i++) {
      viewer.upstream?.update({ ...LIVE, maxLatency: 6_000 + i });
      await relay.pass(1);
    }
    await relay.pass(300);
    assert.ok(broadcast.requests.length <= 13, `${broadcast.requests.length} in a second`);
    assert.equal(broadcast.requests.at(-1)?.maxLatency, 6_999);
  });

  it("does not end the session of a publisher that reads nothing", async () => {
    const relay = await TestRelay.start({ session: { sessionQueueBytes: 4_096, sessionQueueMark: 1_024 } });
    const publisher = await relay.connect();
    publisher.publish("live/a");
    await relay.pass(100);
    const client = await relay.connect();
    const viewers = Array.from({ length: 8 }, (_, i) => client.watch("live/a", LIVE, `track ${i}`));
    await relay.pass(200);
    relay.network.wireOf(publisher.link).configure({ reading: false }, "down");
    for (let i = 0; i < 200; i++) {
      for (const viewer of viewers) viewer.upstream?.update({ ...LIVE, maxLatency: 6_000 + i });
      await relay.pass(40);
    }
    assert.deepEqual(publisher.reports, []);
    assert.deepEqual(relay.reports, []);
  });
});
