import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Role } from "../../cluster/contract.ts";
import { Interest } from "../../cluster/routes/interest.ts";
import { gatheringKey, rank } from "../../cluster/routes/rendezvous.ts";
import { Stamper } from "../../cluster/routes/stamp.ts";
import { type Health, RouteTable } from "../../cluster/routes/table.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { ANY_TIME, holdingOf, nodeInfo } from "./support.ts";

const WALL_MS = 1_000_000;
const RAMP_MS = 20_000;
const RETURN_MS = 10_000;

function tableOf(role: Role = "edge", regions: readonly string[] = [], hashDepth = 0, parent?: string) {
  const clock = new ManualClock();
  const health = new Map<string, Health>();
  const changed: string[] = [];
  const restarts: string[] = [];
  const table = new RouteTable({
    clocks: ANY_TIME,
    self: {
      node: "me",
      role,
      region: "eu",
      ...(parent !== undefined && { parent }),
      hop: 1_000n,
      startedAt: 1,
      publicUrl: "",
    },
    regions,
    hashDepth,
    clock,
    wallNow: () => WALL_MS + clock.now(),
    rampMs: RAMP_MS,
    returnMs: RETURN_MS,
    health: (node) => health.get(node) ?? "unknown",
    changed: (path) => changed.push(path),
    nodesChanged: () => {},
    restarted: (node) => restarts.push(node),
  });
  return { table, clock, health, changed, restarts };
}

describe("rendezvous hashing", () => {
  const nodes = Array.from({ length: 8 }, (_, n) => `regional-${n}`);

  it("spreads keys evenly", () => {
    const counts = new Map<string, number>();
    for (let key = 0; key < 8_000; key++) {
      const [first = ""] = rank(`live/room-${key}`, nodes);
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    for (const node of nodes) assert.ok(Math.abs((counts.get(node) ?? 0) - 1_000) < 200, `${node} ${counts.get(node)}`);
  });

  it("moves only the keys of a node that goes, in whatever order nodes are known", () => {
    fc.assert(
      fc.property(fc.string(), fc.shuffledSubarray(nodes, { minLength: 2 }), fc.nat(), (key, some, pick) => {
        const gone = some[pick % some.length];
        const before = rank(key, some);
        const after = rank(
          key,
          some.toReversed().filter((node) => node !== gone),
        );
        assert.deepEqual(
          after,
          before.filter((node) => node !== gone),
        );
      }),
    );
  });
});

describe("the part of a path that is hashed", () => {
  it("is its first segments, or the whole path where it has no more", () => {
    for (const [path, depth, key] of [
      ["live/room1/cam", 0, "live/room1/cam"],
      ["live/room1/cam", 1, "live"],
      ["live/room1/cam", 2, "live/room1"],
      ["live/room1/cam", 3, "live/room1/cam"],
      ["live/room1", 5, "live/room1"],
      ["", 1, ""],
    ] as const) {
      assert.equal(gatheringKey(path, depth), key, `${path} ${depth}`);
    }
  });
});

describe("the table of routes", () => {
  it("sends an edge to a regional of its region, then to others, then to the holder; what is down or drains comes last", () => {
    const { table, health } = tableOf();
    for (const node of ["r1", "r2", "far"]) {
      table.node(nodeInfo(node, "regional", node === "far" ? { region: "us" } : {}), "root");
    }
    table.node(nodeInfo("o1"), "root");
    table.holding(holdingOf("live/a", "o1"), "under/");
    const [best = "", second = ""] = rank("live/a", ["r1", "r2"]);
    assert.deepEqual(table.candidates("live/a", 1n), [best, second, "o1"]);
    health.set(best, "down");
    assert.deepEqual(table.candidates("live/a", 1n), [second, "o1", best]);
    health.set(best, "silent").set(second, "suspected").set("o1", "down");
    assert.deepEqual(table.candidates("live/a", 1n), [second, best, "o1"], "one that answers again comes first");
    health.clear();
    table.node(nodeInfo(best, "regional", { draining: true }), "root");
    assert.deepEqual(table.candidates("live/a", 1n), [second, "o1", best]);
    assert.deepEqual(table.candidates("live/a", 2n), [second, best], "the holder has another epoch");
  });

  it("sends any other relay straight to the holder, the cheaper one first", () => {
    const { table } = tableOf("regional");
    table.node(nodeInfo("r1", "regional"), "root");
    for (const node of ["o1", "o2"]) table.node(nodeInfo(node), "root");
    table.holding(holdingOf("live/a", "o1", { cost: 5 }), "s");
    table.holding(holdingOf("live/a", "o2", { cost: 1 }), "s");
    assert.deepEqual(table.candidates("live/a", 1n), ["o2", "o1"]);
  });

  it("sends an edge without a regional of its own region to those of the next that it prefers, and to no other", () => {
    const { table, health } = tableOf("edge", ["near", "far"]);
    const place = (node: string, region: string) => table.node(nodeInfo(node, "regional", { region }), "root");
    place("far-1", "far");
    place("near-1", "near");
    place("near-2", "near");
    place("elsewhere", "asia");
    table.node(nodeInfo("o1"), "root");
    table.holding(holdingOf("live/a", "o1"), "s");
    const near = rank("live/a", ["near-1", "near-2"]);
    assert.deepEqual(table.candidates("live/a", 1n), [...near, "far-1", "o1"]);
    assert.deepEqual(table.tiers("live/a"), [...near.map((node) => [node]), ["far-1"], ["o1"]]);
    health.set(near[0] ?? "", "down");
    assert.deepEqual(table.tiers("live/a")[0], near.slice(0, 1), "who is down may be back");
    health.clear();
    place("own", "eu");
    assert.deepEqual(table.candidates("live/a", 1n), ["own", ...near, "far-1", "o1"]);
    for (const node of ["own", ...near]) health.set(node, "down");
    assert.deepEqual(table.candidates("live/a", 1n), ["far-1", "o1", "own", ...near]);
    health.clear();
    for (let n = 0; n < 5; n++) place(`own-${n}`, "eu");
    for (let n = 0; n < 5; n++) health.set(`own-${n}`, "down");
    health.set("own", "down");
    assert.deepEqual(
      table.candidates("live/a", 1n).slice(0, 4),
      [...near, "far-1", "o1"],
      "those that are down are not in the way",
    );
  });

  it("sends all broadcasts of a room to one regional and one origin, and rooms to several, where the first segments are hashed", () => {
    const { table } = tableOf("edge", [], 2);
    for (let n = 0; n < 4; n++) table.node(nodeInfo(`r${n}`, "regional"), "root");
    for (let n = 0; n < 4; n++) table.node(nodeInfo(`o${n}`), "root");
    const orders = (room: number) =>
      Array.from({ length: 10 }, (_, cam) => {
        const path = `live/room${room}/cam${cam}`;
        for (let n = 0; n < 4; n++) table.holding(holdingOf(path, `o${n}`), "s");
        return table.candidates(path, 1n).join();
      });
    const rooms = Array.from({ length: 20 }, (_, room) => new Set(orders(room)));
    for (const room of rooms) assert.equal(room.size, 1);
    assert.equal(new Set(rooms.map(([order = ""]) => order.slice(0, 2))).size, 4);
    assert.deepEqual(table.tiers("live/room7/cam1")[0], table.tiers("live/room7")[0], "without a root, too");
  });

  it("prefers a regional of its own region to a holder in another region", () => {
    const { table } = tableOf("edge", ["near"]);
    for (const node of ["own-1", "own-2"]) table.node(nodeInfo(node, "regional"), "root");
    table.node(nodeInfo("near-1", "regional", { region: "near" }), "root");
    const own = rank("live/a", ["own-1", "own-2"]);
    table.holding(holdingOf("live/a", "near-1"), "s");
    assert.deepEqual(table.candidates("live/a", 1n), [...own, "near-1"]);
    const last = own.at(-1) ?? "";
    table.holding(holdingOf("live/a", last), "s");
    assert.equal(table.candidates("live/a", 1n)[0], last);
  });

  it("takes a broadcast from the nearest of those with the same cost", () => {
    const { table } = tableOf("regional", ["near", "far"]);
    for (const region of ["asia", "far", "near", "eu"]) {
      table.node(nodeInfo(`o-${region}`, "origin", { region }), "root");
      table.holding(holdingOf("live/a", `o-${region}`), "s");
    }
    assert.deepEqual(table.candidates("live/a", 1n), ["o-eu", "o-near", "o-far", "o-asia"]);
    table.holding(holdingOf("live/a", "o-eu", { cost: 1 }), "s");
    assert.deepEqual(table.candidates("live/a", 1n), ["o-near", "o-far", "o-asia", "o-eu"]);
  });

  it("takes the highest epoch, and forgets a holding with the last scope that announced it", () => {
    const { table, changed } = tableOf("regional");
    table.holding(holdingOf("live/a", "o1", { epoch: 5n }), "one");
    table.holding(holdingOf("live/a", "o1", { epoch: 5n }), "two");
    table.holding(holdingOf("live/a", "o2", { epoch: 9n }), "one");
    assert.equal(table.holders("live/a")?.epoch, 9n);
    table.holdingGone("live/a", "o2", "one");
    assert.equal(table.holders("live/a")?.epoch, 5n);
    table.holdingGone("live/a", "o1", "one");
    assert.equal(table.holders("live/a")?.epoch, 5n);
    table.holdingGone("live/a", "o1", "two");
    assert.equal(table.holders("live/a"), undefined);
    assert.deepEqual(changed, ["live/a", "live/a", "live/a", "live/a"]);
    assert.deepEqual(table.counts, { nodes: 0, broadcasts: 0, holdings: 0 });
  });

  it("takes the highest epoch among scopes that differ, then the latest announcement, and can forget all at once", () => {
    const { table, changed } = tableOf("regional");
    const told = () => table.holders("live/a")?.holdings.map(({ epoch, cost }) => [epoch, cost]);
    table.holding(holdingOf("live/a", "o1", { epoch: 5n, cost: 1 }), "root");
    table.holding(holdingOf("live/a", "o1", { epoch: 6n, cost: 2 }), "tiers");
    table.holding(holdingOf("live/a", "o1", { epoch: 5n, cost: 3 }), "root");
    assert.deepEqual(told(), [[6n, 2]]);
    table.holding(holdingOf("live/a", "o1", { epoch: 6n, cost: 4 }), "root");
    assert.deepEqual(told(), [[6n, 4]]);
    table.holdingGone("live/a", "o1", "root");
    assert.deepEqual(told(), [[6n, 2]]);
    table.holding(holdingOf("live/a", "o1", { epoch: 6n, cost: 2 }), "root");
    assert.equal(changed.length, 4, "the same again changes nothing");
    table.holdingOver("live/a", "o1");
    assert.deepEqual([told(), table.counts.holdings], [undefined, 0]);
    table.holdingGone("live/a", "o1", "root");
    assert.equal(changed.length, 5);
  });

  it("sends a regional to one of the parent region, then to the holder, unless the holder is in its own region or the parent is down", () => {
    const { table, health } = tableOf("regional", [], 0, "hub");
    for (const node of ["hub-1", "hub-2"]) table.node(nodeInfo(node, "regional", { region: "hub" }), "root");
    table.node(nodeInfo("mine", "regional"), "root");
    table.node(nodeInfo("o-us", "origin", { region: "us" }), "root");
    table.node(nodeInfo("o-eu", "origin"), "root");
    table.holding(holdingOf("live/a", "o-us"), "s");
    const hubs = rank("live/a", ["hub-1", "hub-2"]);
    assert.deepEqual(table.candidates("live/a", 1n), [...hubs, "o-us"]);
    for (const node of hubs) health.set(node, "down");
    assert.deepEqual(table.candidates("live/a", 1n), ["o-us", ...hubs]);
    health.clear();
    table.holding(holdingOf("live/a", "o-eu"), "s");
    assert.deepEqual(table.candidates("live/a", 1n), ["o-eu", "o-us"]);
    table.holding(holdingOf("live/b", hubs[1] ?? ""), "s");
    assert.equal(table.candidates("live/b", 1n)[0], hubs[1], "the one that has it first-hand");
  });

  it("sends an edge without another regional to one of the parent region", () => {
    const { table } = tableOf("edge", ["near"], 0, "hub");
    table.node(nodeInfo("hub-1", "regional", { region: "hub" }), "root");
    table.node(nodeInfo("o-us", "origin", { region: "us" }), "root");
    table.holding(holdingOf("live/a", "o-us"), "s");
    assert.deepEqual(table.candidates("live/a", 1n), ["hub-1", "o-us"]);
    table.node(nodeInfo("near-1", "regional", { region: "near" }), "root");
    assert.deepEqual(table.candidates("live/a", 1n), ["near-1", "hub-1", "o-us"]);
  });

  it("serves regionals of regions below its own: of those that a root knows as such, and else of those that say so", () => {
    const below = { region: "south", parent: "eu" };
    const { table } = tableOf("regional");
    assert.equal(table.servesRegional("s-1", below), true);
    assert.equal(table.servesRegional("s-1", { region: "south", parent: "us" }), false);
    assert.equal(table.servesRegional("s-1", { region: "south" }), false);
    assert.equal(table.servesRegional("s-1", { region: "eu", parent: "eu" }), false);
    table.node(nodeInfo("s-1", "regional", { region: "south", parent: "us" }), "root");
    assert.equal(table.servesRegional("s-1", below), false, "a root knows it by another parent");
    assert.equal(tableOf("edge").table.servesRegional("s-2", below), false);
  });

  it("with a parent region, serves regionals below only while a root knows that no circle leads back", () => {
    const below = { region: "south", parent: "eu" };
    const { table } = tableOf("regional", [], 0, "hub");
    assert.equal(table.servesRegional("s-1", below), false, "the parent region is not known");
    table.node(nodeInfo("hub-1", "regional", { region: "hub", startedAt: 0 }), "dns");
    assert.equal(table.servesRegional("s-1", below), false, "its parent is not known");
    table.node(nodeInfo("hub-1", "regional", { region: "hub" }), "root");
    assert.equal(table.servesRegional("s-1", below), true);
    table.node(nodeInfo("hub-2", "regional", { region: "hub", parent: "south" }), "root");
    assert.equal(table.servesRegional("s-1", below), false, "the way from there is not known");
    table.node(nodeInfo("s-1", "regional", below), "root");
    assert.equal(table.servesRegional("s-1", below), false, "the way from there leads back");
    assert.deepEqual(table.candidates("live/a", 1n), []);
    table.nodeGone("hub-2", "root");
    assert.equal(table.servesRegional("s-1", below), true);
  });

  it("lists relays to ask without a root: for an edge one regional after the other, then origins; for any other relay origins", () => {
    for (const [role, first] of [
      ["edge", rank("live", ["r1", "r2"]).map((node) => [node])],
      ["regional", []],
    ] as const) {
      const { table } = tableOf(role);
      for (const node of ["r1", "r2", "r3"]) table.node(nodeInfo(node, "regional"), "root");
      table.node(nodeInfo("r3", "regional", { draining: true }), "root");
      for (const node of ["o1", "o2"]) table.node(nodeInfo(node, "origin", { hop: node === "o1" ? 7n : 8n }), "root");
      table.node(nodeInfo("o3", "origin", { url: "" }), "root");
      assert.deepEqual(table.tiers("live"), [...first, ["o1", "o2"]]);
      assert.deepEqual([table.named(7n), table.named(9n), table.named(0n)], ["o1", undefined, undefined]);
      table.nodeGone("o1", "root");
      assert.equal(table.named(7n), undefined);
    }
  });

  it("redirects viewers to a relay of the same role, near before far, and not to one that drains", () => {
    const { table } = tableOf();
    table.node(nodeInfo("e-far", "edge", { region: "us" }), "root");
    assert.equal(table.refuge()?.node, "e-far");
    table.node(nodeInfo("e-near", "edge"), "root");
    table.node(nodeInfo("o1"), "root");
    assert.equal(table.refuge()?.node, "e-near");
    table.node(nodeInfo("e-near", "edge", { draining: true }), "root");
    assert.equal(table.refuge()?.node, "e-far");
  });

  it("redirects viewers to the region that it prefers", () => {
    const { table, health } = tableOf("edge", ["near", "far"]);
    for (const region of ["asia", "far", "near"]) table.node(nodeInfo(`e-${region}`, "edge", { region }), "root");
    assert.equal(table.refuge()?.node, "e-near");
    health.set("e-near", "down");
    assert.equal(table.refuge()?.node, "e-far");
    health.set("e-far", "down");
    assert.equal(table.refuge()?.node, "e-asia");
    health.set("e-asia", "down");
    assert.equal(table.refuge(), undefined);
  });
});

describe("interest", () => {
  function interestOf() {
    const clock = new ManualClock();
    const asked: string[] = [];
    const completes: ((all: boolean) => void)[] = [];
    const interest = new Interest({
      clock,
      lingerMs: 1_000,
      maxScopes: 3,
      ask: (scope, complete) => {
        const text =
          scope.kind === "under" ? `under ${scope.prefix}` : scope.kind === "exact" ? `exact ${scope.path}` : "";
        asked.push(`+${text}`);
        completes.push(complete);
        return () => void asked.push(`-${text}`);
      },
      refused: () => asked.push("refused"),
    });
    return { clock, interest, asked, completes };
  }

  it("asks once for what several users want, and stops a while after the last has left", () => {
    const { clock, interest, asked } = interestOf();
    const [one, two] = [interest.watching("live", () => {}), interest.watching("live", () => {})];
    one();
    two();
    clock.advance(500);
    const three = interest.watching("live", () => {});
    clock.advance(2_000);
    assert.deepEqual(asked, ["+under live"]);
    three();
    clock.advance(1_001);
    assert.deepEqual(asked, ["+under live", "-under live"]);
    assert.equal(clock.pending, 0);
  });

  it("gives the place of an unused scope to a new one", () => {
    const { interest, asked } = interestOf();
    for (const path of ["a", "b", "c", "d"]) interest.wanting(path)();
    interest.wanting("e");
    interest.wanting("f");
    interest.wanting("g");
    interest.wanting("h");
    const stops = ["a", "b", "c", "d"].map((path) => `-exact ${path}`);
    assert.deepEqual(
      asked.filter((line) => line.startsWith("-")),
      stops,
    );
    assert.equal(asked.at(-1), "refused", "what is in use stays");
  });

  it("asks for nothing that a wider prefix covers, and asks for it before the wider one is stopped", () => {
    const { clock, interest, asked, completes } = interestOf();
    const wide = interest.watching("live", () => {});
    interest.wanting("live/a");
    interest.wanting("lively");
    assert.deepEqual(asked, ["+under live", "+exact lively"]);
    wide();
    clock.advance(1_001);
    assert.deepEqual(asked.slice(2), ["+exact live/a"]);
    completes.at(-1)?.(true);
    assert.deepEqual(asked.slice(2), ["+exact live/a", "-under live"]);
  });

  it("reports a prefix complete when it, or a wider one, has been answered", () => {
    const { interest, completes } = interestOf();
    const known: string[] = [];
    interest.watching("live", () => known.push("live"));
    interest.watching("live/a", () => known.push("live/a"));
    const leave = interest.watching("live/b", () => known.push("live/b"));
    interest.watching("other", () => known.push("other"));
    leave();
    assert.equal(known.length, 0);
    completes[0]?.(true);
    completes[0]?.(true);
    assert.deepEqual(known, ["live", "live/a"]);
    interest.watching("live/b", () => known.push("late"));
    assert.deepEqual(known, ["live", "live/a", "late"]);
  });

  it("does not report a scope complete while the relays that answered it are gone and others are asked", () => {
    const { interest, completes } = interestOf();
    const known: string[] = [];
    interest.watching("live", () => {});
    completes[0]?.(true);
    completes[0]?.(false);
    interest.watching("live", () => known.push("again"));
    assert.equal(known.length, 0);
    completes[0]?.(true);
    assert.deepEqual(known, ["again"]);
  });

  it("is bounded", () => {
    const { interest, asked } = interestOf();
    for (const path of ["a", "b", "c", "d"]) interest.wanting(path);
    assert.deepEqual(asked, ["+exact a", "+exact b", "+exact c", "refused"]);
  });
});

describe("epochs", () => {
  const advertisement = { epoch: 0n, hops: [], cost: 2, ended: false };

  it("are assigned to publishers without one: the time, and above any known epoch", () => {
    let latest = 0n;
    const stamper = new Stamper({ wallNow: () => 1_000, latest: () => latest, redundant: ["twin"], cost: 10 });
    assert.deepEqual(stamper.stamp("live/a", advertisement), { ...advertisement, epoch: 1_000n, cost: 12 });
    latest = 5_000n;
    assert.equal(stamper.stamp("live/a", advertisement).epoch, 5_001n);
    assert.equal(stamper.stamp("live/a", { ...advertisement, epoch: 7n }).epoch, 7n);
    assert.equal(stamper.restamp(advertisement, 1_000n).epoch, 1_000n);
    const largest = Number.MAX_SAFE_INTEGER;
    const dear = { ...advertisement, cost: largest, coldCost: largest };
    assert.deepEqual(stamper.restamp(dear, 7n), { ...dear, epoch: 7n }, "no cost is too large to be kept exactly");
  });

  it("are equal where publishers send the same content", () => {
    const stamper = new Stamper({ wallNow: () => 1_000, latest: () => 9n, redundant: ["twin"], cost: 0 });
    assert.equal(stamper.stamp("twin/a", advertisement).epoch, 1n);
    assert.notEqual(stamper.stamp("twins", advertisement).epoch, 1n);
  });
});

describe("relays that become known", () => {
  it("count as restarted when their hop id changes, and not when they drain", () => {
    const { table, restarts } = tableOf();
    table.node(nodeInfo("r1", "regional"), "root");
    table.node(nodeInfo("r1", "regional", { draining: true }), "root");
    table.node(nodeInfo("r1", "regional", { hop: 2n }), "root");
    assert.deepEqual(restarts, ["r1", "r1"]);
  });
});
