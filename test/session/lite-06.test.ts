/** What moq-lite 06 demands of sessions and versions before it do not. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BidiStream } from "../../moq/link.ts";
import { sessionCodes, streamCodes } from "../../moq/session/lite/codes.ts";
import { type Announcement, encodeAnnouncement, encodeAnnounceOk } from "../../moq/wire/lite/announce.ts";
import { encodeRequest } from "../../moq/wire/lite/requests.ts";
import { capsOf } from "../wire/support/bytes.ts";
import { TestPublisher, TestRelay } from "./support.ts";

const VERSION = "moq-lite-06";
const CAPS = capsOf(VERSION);
const PROTOCOL_VIOLATION = 3;
const FIELDS = { hops: [], epoch: 0n, ended: false, cost: 0, coldCost: 0 };

/** A route with two equal costs, or with those given. */
const start = (suffix: string, hops: readonly bigint[] = [], cost = 0, coldCost = cost): Announcement => ({
  ...FIELDS,
  kind: "start",
  suffix,
  hops,
  cost,
  coldCost,
});

/** A peer that answers the relay's ANNOUNCE_REQUEST by hand. */
async function announcing(relay: TestRelay, hop: bigint, ...announcements: readonly Announcement[]) {
  const streams: BidiStream[] = [];
  const raw = await relay.raw(VERSION, (stream) => {
    streams.push(stream);
    stream.write(encodeAnnounceOk({ hop, active: 0 }, CAPS));
    for (const one of announcements) stream.write(encodeAnnouncement(one, CAPS));
  });
  await relay.pass(100);
  return { ...raw, say: (one: Announcement) => streams[0]?.write(encodeAnnouncement(one, CAPS)) };
}

describe("an Announce Stream of moq-lite 06", () => {
  const update: Announcement = { ...FIELDS, kind: "update", id: 1 };
  const cases: readonly (readonly [string, readonly Announcement[]])[] = [
    ["a second start of a route", [start("a"), start("a")]],
    ["the end of an id that was never assigned", [{ kind: "end", id: 0 }]],
    ["the end of an id that is retired", [start("a"), { kind: "end", id: 0 }, { kind: "end", id: 0 }]],
    ["an update of an id that was never assigned", [start("a"), update]],
    ["a hop that is twice in a list", [start("a", [7n, 7n])]],
  ];
  for (const [what, announcements] of cases) {
    it(`ends the session with PROTOCOL_VIOLATION for ${what}`, async () => {
      const relay = await TestRelay.start();
      const { closed } = await announcing(relay, 5n, ...announcements);
      assert.deepEqual(
        closed.map(({ code }) => code),
        [PROTOCOL_VIOLATION],
      );
      assert.deepEqual([...relay.broadcasts.list()], []);
      assert.deepEqual(relay.defects, []);
    });
  }

  it("may start a route again once it has ended, with the next id", async () => {
    const relay = await TestRelay.start();
    const { closed, say } = await announcing(relay, 5n, start("a"), { kind: "end", id: 0 }, start("a"));
    assert.equal([...relay.broadcasts.list()].length, 1);
    say({ kind: "end", id: 1 });
    await relay.pass(100);
    assert.equal([...relay.broadcasts.list()].length, 0);
    assert.deepEqual(closed, []);
  });

  it("carries both costs on, each with the cost of the link", async () => {
    const relay = await TestRelay.start();
    await announcing(relay, 5n, start("a", [], 5, 9), start("b", [], 2 ** 53 - 1, 1));
    const viewer = await relay.connect(VERSION, "/", "");
    await relay.pass(1000);
    const costs = ["a", "b"].map((path) => {
      const { cost, coldCost, hops } = viewer.broadcasts.broadcast(path)?.route()?.advertisement ?? {};
      return [cost, coldCost, hops];
    });
    // The relay's link to the publisher and the viewer's link to the relay cost 1 each. The largest cost stays the largest.
    assert.deepEqual(costs, [
      [7, 11, [5n, 1000n]],
      [2 ** 53 - 1, 3, [5n, 1000n]],
    ]);
  });

  it("names the hop 0 for a publisher whose version lists no hops", async () => {
    const relay = await TestRelay.start();
    const old = await relay.raw("moq-lite-04", (stream) => {
      stream.write(encodeAnnouncement({ ...FIELDS, kind: "start", suffix: "old" }, capsOf("moq-lite-04")));
    });
    const viewer = await relay.connect(VERSION, "/", "");
    await relay.pass(1000);
    assert.deepEqual(viewer.broadcasts.broadcast("old")?.route()?.advertisement.hops, [0n, 1000n]);
    assert.equal(viewer.broadcasts.broadcast("old")?.route()?.advertisement.coldCost, 2 ** 53 - 1);
    assert.deepEqual(old.closed, []);
  });
});

describe("GOAWAY of moq-lite 06", () => {
  const HANDLER = { data: () => {}, fin: () => {}, reset: () => {}, stop: () => {} };
  const codes = async (...uris: readonly string[]) => {
    const relay = await TestRelay.start();
    const { link, closed } = await relay.raw(VERSION);
    for (const uri of uris) link.openBidi(1, HANDLER)?.write(encodeRequest({ kind: "goaway", uri }, CAPS));
    await relay.pass(200);
    return closed.map(({ code }) => code);
  };

  it("from a client may name no place", async () => {
    assert.deepEqual(await codes(""), []);
    assert.deepEqual(await codes("https://elsewhere/"), [PROTOCOL_VIOLATION]);
  });

  it("comes once", async () => {
    assert.deepEqual(await codes("", ""), [PROTOCOL_VIOLATION]);
  });

  it("of ours names no place where we dialled", async () => {
    const relay = await TestRelay.start();
    const client = await relay.connect(VERSION);
    client.session.goaway("https://elsewhere/");
    await relay.pass(200);
    assert.deepEqual(client.reports, []);
    assert.equal(relay.counters.protocolViolations, 0);
  });
});

describe("a request of moq-lite 06 that contradicts itself", () => {
  it("is reset, and the session goes on", async () => {
    const relay = await TestRelay.start();
    const { link, closed } = await relay.raw(VERSION);
    const resets: number[] = [];
    const handler = { data: () => {}, fin: () => {}, reset: (code: number) => resets.push(code), stop: () => {} };
    // SUBSCRIBE with a Frame End and no Group End.
    link.openBidi(1, handler)?.write(Uint8Array.of(2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1));
    await relay.pass(100);
    assert.deepEqual(resets, [streamCodes(CAPS).codeOf("protocol")]);
    assert.deepEqual(closed, []);
    assert.equal(relay.counters.protocolViolations, 1);
  });
});

describe("the first hop of moq-lite 06", () => {
  it("stands for the content: another publisher ends the subscription, and a new one gets its groups", async () => {
    const relay = await TestRelay.start();
    const first = (await relay.connect(VERSION)).publish("live/a");
    await relay.pass(100);
    const client = await relay.connect(VERSION);
    const viewer = client.watch("live/a");
    await relay.pass(100);
    first.send(40, "a");
    await relay.pass(100);
    const second = (await relay.connect(VERSION)).publish("live/a");
    await relay.pass(100);
    assert.equal(viewer.log.at(-1), "closed unroutable");
    const again = client.watch("live/a");
    await relay.pass(100);
    second.send(7, "b");
    await relay.pass(100);
    assert.deepEqual(viewer.groupLines, ["40 finished a"]);
    assert.deepEqual(again.groupLines, ["7 finished b"], "the numbers are its publisher's own");
    assert.deepEqual(relay.defects, []);
  });
});

describe("a route over a prefix in moq-lite 06", () => {
  /** A publisher of whatever is asked for under `path`. */
  async function serving(relay: TestRelay, path: string): Promise<TestPublisher> {
    const { broadcasts } = await relay.connect(VERSION);
    const source = new TestPublisher();
    const publication = broadcasts.publish(path, { ...FIELDS, covers: () => true }, source);
    assert.ok(typeof publication !== "string");
    source.end = () => publication.end(false);
    return source;
  }

  it("serves what is under it, and appears as the prefix that a viewer asks for", async () => {
    const relay = await TestRelay.start();
    const service = await serving(relay, "live");
    await relay.pass(100);
    const viewer = await relay.connect(VERSION, "/", "live/a");
    const old = await relay.connect("moq-lite-05", "/", "live/a");
    await relay.pass(1000);
    const paths = ({ broadcasts }: typeof viewer) => [...broadcasts.list()].map(({ path }) => path);
    assert.deepEqual(paths(viewer), ["live/a"]);
    assert.deepEqual(paths(old), [], "in older versions an announcement is one broadcast");
    const watching = [viewer, old].map((one) => one.watch("live/a"));
    await relay.pass(100);
    service.send(4, "x");
    await relay.pass(100);
    for (const { groupLines } of watching) assert.deepEqual(groupLines, ["4 finished x"]);
    service.end();
    await relay.pass(100);
    assert.deepEqual(paths(viewer), []);
    assert.deepEqual(relay.defects, []);
  });

  it("gives way to a broadcast that is announced at the prefix asked for", async () => {
    const relay = await TestRelay.start();
    await serving(relay, "live");
    const viewer = await relay.connect(VERSION, "/", "live/a");
    await relay.pass(1000);
    const hops = () => viewer.broadcasts.broadcast("live/a")?.route()?.advertisement.hops;
    const service = hops();
    const exact = (await relay.connect("moq-lite-05")).publish("live/a");
    await relay.pass(100);
    assert.notDeepEqual(hops(), service);
    exact.end();
    await relay.pass(100);
    assert.deepEqual(hops(), service);
  });

  it("is left for another one when its publisher answers NO_CAPACITY, once", async () => {
    const relay = await TestRelay.start();
    const asked: string[] = [];
    const full = async (hop: bigint) => {
      const { link } = await relay.raw(VERSION, (stream) => {
        asked.push(String(hop));
        if (asked.filter((one) => one === String(hop)).length > 1) {
          stream.reset(0x30);
          return;
        }
        stream.write(encodeAnnounceOk({ hop, active: 1 }, CAPS));
        stream.write(encodeAnnouncement(start("live"), CAPS));
      });
      return link;
    };
    for (const hop of [51n, 52n, 53n]) await full(hop);
    await relay.pass(100);
    const viewer = (await relay.connect(VERSION)).watch("live/a");
    await relay.pass(200);
    assert.equal(viewer.log.at(-1), "closed unroutable", "and never NO_CAPACITY");
    // The first stream at each is for announcements.
    assert.equal(new Set(asked.slice(3)).size, 2, "two of three were asked");
    assert.deepEqual(relay.defects, []);
  });
});

describe("the codes of moq-lite 06", () => {
  it("are those of its two registries", () => {
    const stream = streamCodes(CAPS);
    const session = sessionCodes(CAPS);
    assert.deepEqual(
      (["internal", "cancelled", "lagged", "limit", "timeout", "not_found", "evicted", "unroutable"] as const).map(
        stream.codeOf,
      ),
      [0x0, 0x1, 0x5, 0x30, 0x31, 0x33, 0x35, 0x36],
    );
    assert.deepEqual(
      (["cancelled", "internal", "unauthorized", "protocol", "closed", "timeout"] as const).map(session.codeOf),
      [0x0, 0x1, 0x2, 0x3, 0x10, 0x11],
    );
  });

  it("never pass NO_CAPACITY of a publisher on", () => {
    const { codeOf, reasonOf } = streamCodes(CAPS);
    assert.equal(reasonOf(0x30), "no_capacity");
    assert.notEqual(codeOf("no_capacity"), 0x30);
  });

  it("have no meaning between 32 and 47, and none that the registry lacks", () => {
    const { reasonOf } = streamCodes(CAPS);
    for (const code of [0x6, 32, 47, 0x3a, 63, 1000]) assert.equal(reasonOf(code), "internal");
  });
});

describe("a request of moq-lite 06 for a path without a route", () => {
  it("is refused soon, and served where a route comes in time", async () => {
    const relay = await TestRelay.start();
    const viewer = await relay.connect(VERSION);
    const [missing, late] = [viewer.watch("live/missing"), viewer.watch("live/late")];
    let answer: unknown;
    viewer.session.source.info("live/missing", "video", (result) => {
      answer = result;
    });
    await relay.pass(200);
    const broadcast = (await relay.connect(VERSION)).publish("live/late");
    await relay.pass(600);
    broadcast.send(0, "x");
    await relay.pass(100);
    assert.equal(missing.log.at(-1), "closed not_found");
    assert.equal(answer, "not_found");
    assert.deepEqual(late.groupLines, ["0 finished x"]);
    assert.equal(relay.counters.subscriptionsWaiting, 0);
    assert.deepEqual(relay.defects, []);
  });
});
