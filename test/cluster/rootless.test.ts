/** Meshes without a root: whole relays over a simulated network. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEASE_MS } from "../../lab/sim/settings.ts";
import { World } from "../../lab/sim/world.ts";
import { know, RELAYS, rootless } from "./rootless.ts";
import { announcedTo } from "./worlds.ts";

/** Milliseconds from the end of the last root to the first group of a broadcast that was published after it, at an edge. */
const FOUND_MS = 2_000;

async function meshOf(roots: readonly string[]): Promise<World> {
  const world = new World(roots, () => 0.5);
  for (const root of roots) await world.start(root, "root");
  for (const [node, role] of RELAYS) await world.start(node, role);
  await world.pass(500);
  return world;
}

const asks = (world: World, ...nodes: string[]) => nodes.map((node) => world.relay(node).mesh.rootless.counts.asks);
const pulled = (world: World, ...nodes: string[]) =>
  nodes.map((node) => world.relay(node).counters.upstreamSubscriptions).reduce((sum, count) => sum + count, 0);

describe("a mesh whose roots are gone", () => {
  it("finds what is published then, and returns to the root without a withdrawal when it is back", async (t) => {
    const world = await meshOf(["root"]);
    const old = (await world.client("o1")).publish("live/old");
    const seen = announcedTo(await world.client("e1"));
    const running = (await world.client("e1")).watch("live/old");
    await world.pass(1_000);
    let group = 0;
    const pass = async (ms: number) => {
      for (const end = world.clock.now() + ms; world.clock.now() < end; group++) {
        old.send(group, `group ${group}`);
        await world.pass(250);
      }
    };
    await pass(500);
    await world.relay("root").kill();
    const killed = world.clock.now();
    const fresh = (await world.client("o2")).publish("live/new");
    // One that watches for announcements has it from there; one that only subscribes asks for the one path.
    const subscriber = (await world.client("e2")).watch("live/new");
    for (let n = 0; subscriber.groups.length === 0 && world.clock.now() - killed < 5_000; n++) {
      fresh.send(n, "first");
      await pass(50);
    }
    const found = world.clock.now() - killed;
    t.diagnostic(`${found} ms of simulated time`);
    assert.ok(found < FOUND_MS, `${found} ms`);
    await pass(1_000);
    assert.deepEqual(seen, ["+live/old", "+live/new"]);
    const watcher = (await world.client("e1")).watch("live/new");
    await pass(1_000);
    fresh.send(1_000, "second");
    await pass(250);
    assert.deepEqual(watcher.groupLines.at(-1), "1000 finished second");
    assert.deepEqual(asks(world, "e1", "e2"), [1, 1]);
    const [edges, regionals] = [pulled(world, "e1", "e2"), pulled(world, "r1", "r2")];
    assert.equal(edges, 3, "one for each track and edge");

    await world.start("root", "root");
    await pass(3 * LEASE_MS);
    assert.deepEqual(
      [...world.relays.values()].map(({ mesh }) => mesh.rootless.counts),
      [...world.relays.values()].map(() => ({ relays: 0, asks: 0 })),
    );
    assert.deepEqual(seen, ["+live/old", "+live/new"]);
    assert.deepEqual([pulled(world, "e1", "e2"), pulled(world, "r1", "r2")], [edges, regionals]);
    assert.deepEqual(
      running.groupLines,
      Array.from({ length: group }, (_, n) => `${n} finished group ${n}`),
    );
    fresh.send(1_001, "third");
    await pass(250);
    assert.deepEqual(watcher.groupLines.slice(-2), ["1000 finished second", "1001 finished third"]);
    assert.deepEqual(world.defects, []);
  });

  it("asks no relay when another root takes over", async () => {
    const world = await meshOf(["root-1", "root-2"]);
    announcedTo(await world.client("e1"));
    await world.pass(500);
    await world.relay("root-1").kill();
    for (let n = 0; n < 40; n++) {
      await world.pass(100);
      assert.deepEqual(asks(world, "e1", "r1", "r2"), [0, 0, 0]);
    }
  });

  it("forgets what ends then, also what a root had announced", async () => {
    const world = await meshOf(["root"]);
    const client = await world.client("o1");
    const publisher = client.publish("live/a");
    const seen = announcedTo(await world.client("e1"));
    await world.pass(1_000);
    await world.relay("root").kill();
    await world.pass(3_000);
    publisher.end();
    await world.pass(500);
    assert.deepEqual(seen, ["+live/a", "-live/a"]);
  });
});

describe("a mesh that never had a root", () => {
  it("carries a broadcast from an origin through one regional to edges, and each relay asks for it once", async () => {
    const world = await rootless();
    const seen = announcedTo(await world.client("e1"), "live");
    const viewers = [(await world.client("e1")).watch("live/a"), (await world.client("e2")).watch("live/a")];
    const live = (await world.client("o1")).publish("live/a");
    await world.pass(500);
    for (let group = 0; group < 5; group++) {
      live.send(group, `group ${group}`);
      await world.pass(200);
    }
    const expected = Array.from({ length: 5 }, (_, group) => `${group} finished group ${group}`);
    for (const viewer of viewers) assert.deepEqual(viewer.groupLines, expected);
    assert.deepEqual(seen, ["+live/a"]);
    assert.deepEqual([pulled(world, "e1", "e2"), pulled(world, "o1", "o2")], [2, 1]);
    assert.deepEqual(asks(world, "e1", "e2"), [1, 1], "the prefix covers the path at one, the other wants the path");
    assert.deepEqual(world.defects, []);
  });

  it("continues at another regional when the one that was asked is killed", async () => {
    const world = await rootless();
    const live = (await world.client("o1")).publish("live/a");
    const seen = announcedTo(await world.client("e1"), "live");
    const viewer = (await world.client("e1")).watch("live/a");
    await world.pass(1_000);
    live.send(0, "before");
    await world.pass(200);
    const asked = ["r1", "r2"].find((node) => world.relay(node).mesh.rootless.counts.asks > 0);
    assert.ok(asked);
    await world.relay(asked).kill();
    await world.pass(3_000);
    live.send(1, "after");
    const late = (await world.client("o2")).publish("live/b");
    await world.pass(1_000);
    assert.deepEqual(viewer.groupLines, ["0 finished before", "1 finished after"]);
    assert.deepEqual(seen, ["+live/a", "+live/b"]);
    const again = await world.start(asked, "regional");
    await world.pass(LEASE_MS + 15_000);
    assert.deepEqual(seen, ["+live/a", "+live/b"]);
    assert.deepEqual(asks(world, "e1"), [2], "the one that is back knows nobody that it could ask");
    know(again);
    await world.pass(LEASE_MS + 15_000);
    assert.deepEqual(asks(world, "e1"), [1]);
    late.end();
    await world.pass(500);
    assert.deepEqual(seen, ["+live/a", "+live/b", "-live/b"]);
  });

  it("lets edges ask origins where there is no regional, and origins each other; no broadcast returns to its origin", async () => {
    const world = await rootless([
      ["o1", "origin"],
      ["o2", "origin"],
      ["e1", "edge"],
    ]);
    const live = (await world.client("o1")).publish("live/a");
    const [at1, at2] = [(await world.client("o1")).watch("live/a"), (await world.client("o2")).watch("live/a")];
    const edge = (await world.client("e1")).watch("live/a");
    await world.pass(1_500);
    for (let group = 0; group < 3; group++) {
      live.send(group, `group ${group}`);
      await world.pass(200);
    }
    const expected = Array.from({ length: 3 }, (_, group) => `${group} finished group ${group}`);
    assert.deepEqual([at1.groupLines, at2.groupLines, edge.groupLines], [expected, expected, expected]);
    assert.deepEqual([pulled(world, "o1"), pulled(world, "o2"), pulled(world, "e1")], [1, 1, 1]);
    assert.equal(world.relay("o1").mesh.broadcasts.counts.remote, 0);
    live.end();
    await world.pass(1_000);
    for (const node of ["o2", "e1"]) assert.deepEqual([...world.relay(node).broadcasts.list("")], [], node);
  });

  it("forgets the broadcasts of a lost origin after a lease", async () => {
    const world = await rootless();
    (await world.client("o1")).publish("live/a");
    const seen = announcedTo(await world.client("e1"));
    await world.pass(1_000);
    await world.relay("o1").kill();
    await world.pass(LEASE_MS);
    assert.deepEqual(seen, ["+live/a"]);
    await world.pass(2_000);
    assert.deepEqual(seen, ["+live/a", "-live/a"]);
  });
});

describe("regions", () => {
  it("replace each other in the order that relays prefer", async () => {
    const world = new World(["root"], () => 0.5);
    world.regions = ["near"];
    await world.start("root", "root");
    await world.start("o1", "origin", "us");
    await world.start("own", "regional", "eu");
    await world.start("near", "regional", "near");
    await world.start("asia", "regional", "asia");
    await world.start("e1", "edge", "eu");
    await world.pass(500);
    const live = (await world.client("o1")).publish("live/a");
    const viewer = (await world.client("e1")).watch("live/a");
    await world.pass(1_000);
    const serving = () => ["own", "near", "asia", "o1"].filter((node) => world.relays.get(node)?.counters.tracksActive);
    let group = 0;
    const pass = async (ms: number) => {
      for (const end = world.clock.now() + ms; world.clock.now() < end; group++) {
        live.send(group, `group ${group}`);
        await world.pass(500);
      }
    };
    await pass(1_000);
    assert.deepEqual(serving(), ["own", "o1"]);
    await world.relay("own").kill();
    await pass(10_000);
    assert.deepEqual(serving(), ["near", "o1"]);
    await world.start("own", "regional", "eu");
    await pass(15_000);
    assert.deepEqual(serving(), ["own", "o1"], "home again");
    for (const node of ["own", "near"]) await world.relay(node).kill();
    await pass(10_000);
    assert.deepEqual(serving(), ["o1"], "a region that is not named is not used");
    // Groups missed while a relay was silent arrive newest first.
    assert.deepEqual(
      viewer.groupLines.toSorted(),
      Array.from({ length: group }, (_, n) => `${n} finished group ${n}`).toSorted(),
    );
    assert.deepEqual(world.defects, []);
  });
});
