/** Viewers of a busy edge: who is sent to another edge, to which, and who never is. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Redirects } from "../../cluster/redirects.ts";
import { TOPOLOGY_METRICS } from "../../cluster/topology-metrics.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Chance } from "../../lab/random.ts";
import type { TestClient, TestViewer } from "../../lab/sim/client.ts";
import { World } from "../../lab/sim/world.ts";
import { nodeInfo, settle } from "./support.ts";

const BUSY_AT = 0.85;

function redirectsTo(fullness: Readonly<Record<string, number>>, random = new Chance(1).next) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const shares = new Map<string, number>();
  const redirects = new Redirects({
    clock,
    random,
    busyAt: BUSY_AT,
    edges: () => Object.keys(fullness).map((node) => nodeInfo(node, "edge")),
    loadOf: async (node) => {
      asked.push(node);
      return { sessions: 1, subscriptions: 1, fullness: fullness[node] ?? 0 };
    },
    share: (node) => shares.get(node) ?? 1,
    defect: (error) => assert.fail(String(error)),
  });
  const report = async (own: number, busy = own >= BUSY_AT) => {
    redirects.reported({ sessions: 1, subscriptions: 1, fullness: own }, busy);
    await settle();
  };
  let viewers = 0;
  /** Where the next viewers are sent, each from an address of its own; counts by edge. */
  const send = (count: number) => {
    const counts: Record<string, number> = {};
    for (let n = 0; n < count; n++) {
      const node = redirects.target(`192.0.2.${viewers++}`)?.node ?? "stays";
      counts[node] = (counts[node] ?? 0) + 1;
    }
    return counts;
  };
  return { clock, redirects, report, send, asked, shares };
}

describe("redirects of a busy edge", () => {
  it("send no viewer away while the edge is not busy, and ask for no load", async () => {
    const { report, send, asked } = redirectsTo({ e2: 0 });
    await report(0.84);
    assert.deepEqual([send(50), asked], [{ stays: 50 }, []]);
  });

  it("send a part of the viewers, larger the fuller it is, and more to edges with more room", async () => {
    const { report, send } = redirectsTo({ e2: 0.1, e3: 0.4, full: 0.9 });
    await report(0.85);
    const half = send(100);
    assert.ok((half["stays"] ?? 0) > 30 && (half["stays"] ?? 0) < 70, JSON.stringify(half));
    await report(1);
    const all = send(250);
    assert.equal(all["stays"] ?? 0, 50, "no edge gets more than 100 until its load is known again");
    assert.equal(all["full"], undefined);
    await report(1);
    const next = send(60);
    assert.ok((next["e2"] ?? 0) > (next["e3"] ?? 0) && (next["e3"] ?? 0) > 5, JSON.stringify(next));
  });

  it("send viewers to an edge that has just started by and by", async () => {
    const { report, send, shares } = redirectsTo({ e2: 0.1, e3: 0 });
    shares.set("e3", 0.05);
    await report(1);
    const counts = send(60);
    assert.ok((counts["e3"] ?? 0) < 15, JSON.stringify(counts));
  });

  it("send no address away twice within a minute, and none to an edge whose load is not known", async () => {
    const { clock, redirects, report } = redirectsTo({ e2: 0 });
    await report(1);
    assert.equal(redirects.target("192.0.2.1")?.node, "e2");
    assert.equal(redirects.target("192.0.2.1"), undefined);
    assert.equal(redirects.target("192.0.2.2")?.node, "e2");
    clock.advance(12_001);
    assert.equal(redirects.target("192.0.2.3"), undefined, "its load is too old");
    clock.advance(50_000);
    await report(1);
    assert.equal(redirects.target("192.0.2.1")?.node, "e2");
  });

  it("ask 16 edges at most, and others each time", async () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`e${n}`, 0]));
    const { report, asked } = redirectsTo(many);
    await report(1);
    assert.equal(new Set(asked).size, 16);
    for (let n = 0; n < 10; n++) await report(1);
    assert.equal(new Set(asked).size, 40);
  });
});

describe("a mesh with a busy edge", () => {
  const REDIRECTED = (world: World, node: string) => world.relay(node).counters.numbers(TOPOLOGY_METRICS).redirects;
  const meshOf = async (sessions: Readonly<Record<string, number>>) => {
    const world = new World(["root"], new Chance(7).next, { maxSessions: (node) => sessions[node] ?? 0 });
    await world.start("root", "root");
    await world.start("o1", "origin");
    for (const node of ["e1", "e2", "e3"]) await world.start(node, "edge");
    await world.start("far", "edge", "us");
    await world.pass(1_000);
    return world;
  };
  const come = async (world: World, count: number, protocol?: string) => {
    const clients: TestClient[] = [];
    for (let n = 0; n < count; n++) clients.push(await world.client("e1", protocol));
    await world.pass(500);
    return clients;
  };

  it("sends new viewers to the other edges of its region, leaves no viewer without media, and stops when they have gone", async (t) => {
    const world = await meshOf({ e1: 20, e2: 100, e3: 100, far: 100 });
    const live = (await world.client("o1")).publish("live/a");
    const early = await come(world, 18);
    assert.ok(early.every(({ sentTo }) => sentTo === undefined));
    await world.pass(60_000);
    const late = await come(world, 30);
    const places = late.map(({ sentTo }) => sentTo);
    const count = (url: string | undefined) => places.filter((place) => place === url).length;
    t.diagnostic(`of 30 viewers ${count("https://e2:1")} were sent to e2, ${count("https://e3:1")} to e3`);
    assert.ok(count("https://e2:1") > 3 && count("https://e3:1") > 3 && count(undefined) > 3, places.join());
    assert.equal(count("https://e2:1") + count("https://e3:1") + count(undefined), 30);
    assert.equal(REDIRECTED(world, "e1"), 30 - count(undefined));
    assert.ok(
      late.every(({ reports }) => reports.length === 0),
      "no session is closed",
    );
    const viewers: TestViewer[] = [];
    for (const client of late) {
      const at = client.sentTo === undefined ? client : await world.client(new URL(client.sentTo).hostname);
      viewers.push(at.watch("live/a"));
    }
    await world.pass(500);
    live.send(0, "one");
    await world.pass(500);
    for (const viewer of viewers) assert.deepEqual(viewer.groupLines, ["0 finished one"]);
    for (const client of [...early, ...late]) client.session.close(0, "");
    await world.pass(30_000);
    assert.equal(world.relay("e1").counters.numbers(TOPOLOGY_METRICS).busy, 0);
    assert.ok((await come(world, 10)).every(({ sentTo }) => sentTo === undefined));
    assert.deepEqual(world.defects, []);
  });

  it("sends no viewer away whose protocol has no GOAWAY, and none where the other edges are as full", async () => {
    const world = await meshOf({ e1: 20, e2: 100, e3: 100 });
    await come(world, 19);
    await world.pass(60_000);
    await come(world, 10, "moq-lite-03");
    assert.equal(REDIRECTED(world, "e1"), 0);
    const full = await meshOf({ e1: 20, e2: 1, e3: 1 });
    for (const node of ["e2", "e3"]) await full.client(node);
    await come(full, 19);
    await full.pass(60_000);
    assert.ok((await come(full, 10)).every(({ sentTo }) => sentTo === undefined));
  });
});
