import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import type { Link } from "../../moq/link.ts";
import { FetchIntoGroup } from "../../moq/model/fetched-group.ts";
import { groupRange, wholeGroup } from "../../moq/model/locations.ts";
import { encodeRequest } from "../../moq/wire/lite/requests.ts";
import { capabilities } from "../../moq/wire/lite/versions.ts";
import { LIVE, SESSION_LIMITS, TestRelay, TestViewer, TRACK, VERSIONS, write } from "./support.ts";

function frame(seed: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (seed * 31 + i * 7) & 0xff;
  return bytes;
}

function digest(frames: readonly Buffer[]): string {
  const hash = createHash("sha256");
  for (const bytes of frames) hash.update(`${bytes.length}:`).update(bytes);
  return hash.digest("hex");
}

describe("fan-out to two hundred viewers", () => {
  it("delivers every byte of every group in order, whatever the version", async () => {
    const relay = await TestRelay.start({ network: { latencyMs: 20, jitterMs: 15 } });
    const broadcast = (await relay.connect("moq-lite-05")).publish("live/a");
    const viewers = [];
    for (let i = 0; i < 200; i++) {
      const viewer = (await relay.connect(VERSIONS[i % VERSIONS.length])).watch("live/a");
      viewer.keep = false;
      viewers.push(viewer);
    }
    await relay.pass(200);
    assert.equal(broadcast.sinks.size, 1);
    const expected = new Map<number, string>();
    for (let sequence = 0; sequence < 10; sequence++) {
      const frames = [20_000, 1200, 0, 70_000, 37].map((size, i) => frame(sequence * 10 + i, size));
      expected.set(sequence, digest(frames));
      const writers = broadcast.open(sequence);
      for (const bytes of frames) {
        for (const writer of writers) write(writer, bytes);
        await relay.pass(33);
      }
      for (const writer of writers) writer.finish();
    }
    await relay.pass(1000);
    for (const { groups } of viewers) {
      assert.equal(groups.length, 10);
      for (const group of groups) {
        assert.equal(group.state, "finished");
        assert.equal(group.digest(), expected.get(group.sequence));
      }
    }
    assert.equal(relay.counters.framesIn, 50);
    assert.equal(relay.counters.framesOut, 50 * 200);
    assert.deepEqual(relay.defects, []);
  });
});

describe("a viewer that stops reading", () => {
  it("costs at most its bound, is closed with a code, and does not slow other viewers", async () => {
    const relay = await TestRelay.start();
    const broadcast = (await relay.connect()).publish("live/a");
    const well = (await relay.connect()).watch("live/a");
    const idle = await relay.connect();
    const stuck = idle.watch("live/a", { ...LIVE, maxLatency: 60_000 });
    await relay.pass(100);
    relay.network.wireOf(idle.link).configure({ reading: false }, "down");
    let most = 0;
    let last = 0;
    for (let sequence = 0; sequence < 60; sequence++) {
      const writers = broadcast.open(sequence);
      for (let i = 0; i < 30; i++) {
        for (const writer of writers) write(writer, frame(i, 8000));
        await relay.pass(33);
        most = Math.max(most, ...relay.links.map(({ queued }) => queued));
      }
      for (const writer of writers) writer.finish();
      last = sequence;
      if (idle.reports.length > 0) break;
    }
    await relay.pass(200);
    const { sessionQueueBytes: queueBytes } = SESSION_LIMITS;
    assert.ok(most > SESSION_LIMITS.sessionQueueMark, `${most} bytes: the queue was never long`);
    assert.ok(most <= queueBytes + SESSION_LIMITS.sessionQueueMark, `${most} bytes queued, bound ${queueBytes}`);
    assert.equal(well.groups.length, last + 1);
    assert.ok(well.groups.every((group) => group.state === "finished" && group.bytes === 30 * 8000));
    assert.ok(stuck.groups.length < last + 1);
    assert.ok(
      relay.counters.groupsDropped.backlog + relay.counters.groupsDropped.expired > 0,
      "old groups were given up",
    );
    assert.deepEqual(relay.defects, []);
  });

  it("loses its session past the hard bound, when the newest group alone is longer", async () => {
    const relay = await TestRelay.start();
    const broadcast = (await relay.connect()).publish("live/a");
    const well = (await relay.connect()).watch("live/a");
    const idle = await relay.connect();
    idle.watch("live/a", { ...LIVE, maxLatency: 60_000 });
    await relay.pass(100);
    relay.network.wireOf(idle.link).configure({ reading: false }, "down");
    const writers = broadcast.open(0);
    for (let i = 0; i < 400; i++) {
      for (const writer of writers) write(writer, frame(i, 8000));
      await relay.pass(33);
    }
    for (const writer of writers) writer.finish();
    await relay.pass(200);
    const lagged = relay.reports.filter((report) => report.reason === "lagged");
    assert.equal(lagged.length, 1);
    assert.equal(lagged[0]?.code, 26);
    assert.equal(relay.counters.boundsHit.session_queue_bytes, 1);
    assert.equal(well.groups[0]?.bytes, 400 * 8000);
    assert.equal(well.groups[0]?.state, "finished");
  });
});

describe("a publisher that dies", () => {
  it("inside a group resets it for all viewers, and they go on with the next publisher", async () => {
    const relay = await TestRelay.start();
    const first = await relay.connect();
    const broadcast = first.publish("live/a");
    const viewer = (await relay.connect()).watch("live/a");
    await relay.pass(100);
    for (const writer of broadcast.open(0)) {
      writer.object(1000, 0);
      writer.payload(Buffer.from("half of it"));
    }
    await relay.pass(100);
    relay.network.vanish(first.link);
    await relay.pass(11_000);
    assert.equal(viewer.groups[0]?.state, "upstream");
    const again = (await relay.connect()).publish("live/a");
    await relay.pass(200);
    again.send(0, "back");
    await relay.pass(200);
    assert.equal(viewer.groupLines.at(-1), "1 finished back");
    assert.ok(!viewer.log.some((line) => line.startsWith("closed")));
  });
});

/** A guest that does what `kind` says: watch, publish, or leave at once, with or without a close. */
async function visit(relay: TestRelay, kind: number): Promise<Link> {
  const guest = await relay.connect(VERSIONS[kind % VERSIONS.length], "/", kind % 2 === 0 ? "" : undefined);
  guest.watch("live/a");
  if (kind % 3 === 0) guest.watch("live/missing");
  if (kind % 5 === 0) guest.publish(`guest/${kind}`);
  if (kind % 7 === 0) relay.network.vanish(guest.link);
  else if (kind % 7 === 1) guest.session.close(0, "");
  return guest.link;
}

describe("a thousand sessions that connect and vanish", () => {
  it("leave no state behind and do not disturb other sessions", async () => {
    const relay = await TestRelay.start();
    const broadcast = (await relay.connect()).publish("live/a");
    const well = (await relay.connect()).watch("live/a");
    await relay.pass(200);
    broadcast.send(0, "x");
    await relay.pass(15_000);
    const before = { pending: relay.clock.pending, cache: relay.broadcasts.cache.bytes, links: relay.network.size };
    const guests: Link[] = [];
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 50; i++) guests.push(await visit(relay, i));
      broadcast.send(round + 1, "x");
      await relay.pass(1);
    }
    for (const report of relay.reports) assert.notEqual(report.reason, "internal");
    // All guests vanish at once, without a close.
    for (const guest of guests) if (!guest.ended) relay.network.vanish(guest);
    await relay.pass(40_000);
    // A newer group evicts those that are too old to keep.
    broadcast.send(100, "x");
    await relay.pass(15_000);
    assert.equal(well.groups.length, 22);
    assert.equal(relay.counters.sessionsActive, 2);
    assert.equal(relay.counters.broadcastsActive, 1);
    assert.equal(relay.counters.subscriptionsActive, 1);
    assert.equal(relay.counters.tracksActive, 1);
    assert.equal(relay.clock.pending, before.pending);
    assert.equal(relay.network.size, before.links);
    assert.ok(relay.broadcasts.cache.bytes <= before.cache + 1000, `${relay.broadcasts.cache.bytes} bytes cached`);
    assert.deepEqual(relay.defects, []);
  });
});

describe("malformed input", () => {
  const cases: [string, number[], RegExp][] = [
    ["a path that is not UTF-8", [1, 3, 2, 0xff, 0xfe], /moq-lite ANNOUNCE_REQUEST: not UTF-8/],
    ["a message that is longer than it says", [3, 2, 0, 0, 0], /moq-lite FETCH/],
    ["a stream that ends inside its first message", [2, 10, 1], /moq-lite SUBSCRIBE/],
    ["a message that is far too long", [2, 0x80, 0x10, 0, 0], /too long/],
  ];
  for (const [what, bytes, reason] of cases) {
    it(`${what} ends that session with the clause, and no other session`, async () => {
      const relay = await TestRelay.start();
      const broadcast = (await relay.connect()).publish("live/a");
      const viewer = (await relay.connect()).watch("live/a");
      const { link, closed } = await relay.raw("moq-lite-05");
      const stream = link.openBidi(1, { data: () => {}, fin: () => {}, reset: () => {}, stop: () => {} });
      stream?.write(Uint8Array.from(bytes));
      stream?.finish();
      await relay.pass(200);
      assert.equal(closed[0]?.code, 15);
      assert.match(closed[0]?.reason ?? "", reason);
      assert.equal(relay.counters.protocolViolations, 1);
      assert.equal(relay.reports[0]?.reason, "protocol");
      broadcast.send(0, "fine");
      await relay.pass(200);
      assert.deepEqual(viewer.groupLines, ["0 finished fine"]);
    });
  }

  it("an unknown stream type is reset, and the session goes on", async () => {
    const relay = await TestRelay.start();
    const { link, closed } = await relay.raw("moq-lite-05");
    const codes: string[] = [];
    const handler = {
      data: () => {},
      fin: () => {},
      reset: (code: number) => codes.push(`reset ${code}`),
      stop: (code: number) => codes.push(`stop ${code}`),
    };
    link.openBidi(1, handler)?.write(Uint8Array.of(0x3f, 1, 2, 3));
    link.openUni(1, handler)?.write(Uint8Array.of(0x3f, 1, 2, 3));
    await relay.pass(200);
    assert.deepEqual(codes.toSorted(), ["reset 17", "stop 17", "stop 17"]);
    assert.equal(closed.length, 0);
  });

  it("a stream without a complete first message is refused after a while", async () => {
    const relay = await TestRelay.start();
    const { link, closed } = await relay.raw("moq-lite-05");
    const codes: number[] = [];
    link
      .openBidi(1, { data: () => {}, fin: () => {}, reset: (code) => codes.push(code), stop: () => {} })
      ?.write(Uint8Array.of(2));
    await relay.pass(SESSION_LIMITS.headerTimeoutMs - 500);
    assert.deepEqual(codes, []);
    await relay.pass(1000);
    assert.deepEqual(codes, [3]);
    assert.equal(relay.counters.boundsHit.header_timeout, 1);
    assert.equal(closed.length, 0);
  });

  it("a frame over its bound ends its group, not the session", async () => {
    const relay = await TestRelay.start({ session: { frameBytes: 1000 } });
    const broadcast = (await relay.connect()).publish("live/a");
    const viewer = (await relay.connect()).watch("live/a");
    await relay.pass(100);
    broadcast.send(0, frame(1, 2000));
    broadcast.send(1, "fine");
    await relay.pass(200);
    assert.equal(viewer.groups.find((group) => group.sequence === 1)?.state, "finished");
    assert.notEqual(viewer.groups.find((group) => group.sequence === 0)?.state, "finished");
    assert.equal(relay.counters.boundsHit.frame_bytes, 1);
    assert.equal(relay.counters.sessionsActive, 2);
  });
});

describe("bounds of a session", () => {
  async function ask(relay: TestRelay, times: number, request: Parameters<typeof encodeRequest>[0]): Promise<number[]> {
    const { link } = await relay.raw("moq-lite-05");
    const caps = capabilities("moq-lite-05");
    assert.ok(caps);
    const codes: number[] = [];
    for (let i = 0; i < times; i++) {
      const handler = { data: () => {}, fin: () => {}, reset: (code: number) => codes.push(code), stop: () => {} };
      link
        .openBidi(1, handler)
        ?.write(encodeRequest({ ...request, ...(request.kind === "subscribe" && { id: i }) }, caps));
    }
    await relay.pass(200);
    return codes;
  }

  it("count only running requests: fetches and properties may be requested again and again", async () => {
    const relay = await TestRelay.start({ session: { fetchesPerSession: 2, subscriptionsPerSession: 2 } });
    const broadcast = (await relay.connect()).publish("live/a");
    const viewer = await relay.connect();
    await relay.pass(100);
    for (let i = 0; i < 20; i++) {
      const sink = new TestViewer();
      viewer.session.source.fetch("live/a", TRACK, groupRange(i), 0, new FetchIntoGroup(sink.subgroup(wholeGroup(i))));
      const answers: unknown[] = [];
      viewer.session.source.info("live/a", TRACK, (answer) => answers.push(answer));
      await relay.pass(100);
      assert.deepEqual(sink.groupLines, [`${i} finished fetched ${i}|more`]);
      assert.equal(answers.length, 1);
    }
    assert.equal(broadcast.fetched.length, 20);
    assert.equal(relay.counters.boundsHit.fetches_per_session, 0);
  });

  it("refuse more subscriptions, announce streams and announcements than allowed, with a code and a count", async () => {
    const relay = await TestRelay.start({
      session: { subscriptionsPerSession: 3, announceStreamsPerSession: 2, announcementsPerSession: 2 },
    });
    const subscribe = { kind: "subscribe" as const, id: 0, path: "x", track: TRACK, epoch: 0n, ...LIVE };
    assert.deepEqual(await ask(relay, 5, subscribe), [11, 11]);
    assert.equal(relay.counters.boundsHit.subscriptions_per_session, 2);
    const announce = { kind: "announce" as const, prefix: "", excludeHop: 0n, ended: false };
    assert.deepEqual(await ask(relay, 3, announce), [11]);
    assert.equal(relay.counters.boundsHit.announce_streams_per_session, 1);
    assert.deepEqual(await ask(relay, 6, { kind: "probe", bitrate: 0, rtt: 0 }), [11, 11]);
    assert.equal(relay.counters.boundsHit.probes_per_session, 2);
    const many = await relay.connect();
    for (let i = 0; i < 3; i++) many.publish(`live/${i}`);
    await relay.pass(200);
    assert.equal(many.reports.length, 0, "the publisher keeps the broadcasts below the bound");
    assert.deepEqual([...relay.broadcasts.list()].map(({ path }) => path).toSorted(), ["live/0", "live/1"]);
    assert.ok(relay.counters.boundsHit.announcements_per_session >= 1);
  });

  it("on streams at a publisher: tracks without viewers give their streams to watched tracks", async () => {
    const relay = await TestRelay.start();
    // One is for announcements.
    const publisher = await relay.connect("moq-lite-05", "/", undefined, { bidiStreams: 4 });
    const broadcast = publisher.publish("live/a");
    const viewer = await relay.connect();
    await relay.pass(100);
    const catalogs: TestViewer[] = [];
    for (const track of ["a", "b", "c"]) {
      catalogs.push(viewer.watch("live/a", LIVE, track));
      await relay.pass(100);
    }
    broadcast.send(0, "catalog");
    await relay.pass(100);
    for (const { groupLines, upstream } of catalogs) {
      assert.deepEqual(groupLines, ["0 finished catalog"]);
      upstream?.cancel();
    }
    await relay.pass(15_000);
    assert.equal(relay.counters.tracksActive, 3, "they stay for later viewers");
    const video = viewer.watch("live/a", LIVE, "video");
    await relay.pass(500);
    assert.equal(relay.counters.tracksActive, 1);
    broadcast.send(1, "frame");
    await relay.pass(100);
    assert.deepEqual(video.groupLines, ["1 finished frame"]);
  });

  it("count a session's announcements over all our requests for them", async () => {
    const relay = await TestRelay.start({ session: { announcementsPerSession: 3 } });
    const publisher = await relay.connect();
    const publications = ["live/a", "live/b"].map((path) => publisher.publish(path));
    await relay.pass(100);
    const [session] = relay.sessions;
    const again = session?.follow("live/a", relay.broadcasts);
    await relay.pass(100);
    again?.stop();
    await relay.pass(100);
    assert.equal(publisher.reports.length, 0, "three with the second ask, and two without it");
    session?.follow("live/b", relay.broadcasts);
    await relay.pass(100);
    assert.equal(publisher.reports.length, 0);
    assert.equal(relay.counters.boundsHit.announcements_per_session, 0);
    session?.follow("live/b", relay.broadcasts);
    await relay.pass(100);
    assert.equal(publisher.reports.length, 0);
    assert.equal(relay.counters.boundsHit.announcements_per_session, 1);
    assert.equal(publications.length, 2);
  });
});
