/** Whole meshes that come to harm, from seeds that are printed: MOQMESH_SEED=N runs one again. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Chance } from "../../lab/random.ts";
import { IDLE_MS, LEASE_MS } from "../../lab/sim/settings.ts";
import { World } from "../../lab/sim/world.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { LIVE, type TestPublisher, type TestViewer } from "../session/support.ts";
import { announcedTo } from "./worlds.ts";

/** Milliseconds in which a broadcast that can be reached is to be watchable, whatever happened before. */
const BOUNDED_MS = 15_000;

const given = process.env["MOQMESH_SEED"];
const SEEDS = given === undefined ? [1, 2, 3] : [Number(given)];

const ORIGINS = ["o1", "o2"];
const REGIONALS = ["r1", "r2"];
const EDGES = ["e1", "e2", "e3"];

async function meshOf(seed: number): Promise<World> {
  const world = new World(["root"], new Chance(seed).next);
  await world.start("root", "root");
  for (const node of ORIGINS) await world.start(node, "origin");
  for (const node of REGIONALS) await world.start(node, "regional");
  for (const node of EDGES) await world.start(node, "edge");
  await world.pass(500);
  return world;
}

/** A viewer at the edge that gets a group sent after it subscribed. */
async function watches(world: World, edge: string, path: string, publisher: TestPublisher, from: number) {
  const client = await world.client(edge);
  const viewer = client.watch(path, LIVE);
  let group = from;
  const end = world.clock.now() + BOUNDED_MS;
  while (world.clock.now() < end && !viewer.groups.some(({ state }) => state === "finished")) {
    publisher.send(group, `group ${group}`);
    group++;
    await world.pass(500);
  }
  client.session.close(0, "");
  assert.ok(
    viewer.groups.some(({ state }) => state === "finished"),
    `${path} at ${edge}: ${viewer.log.join(", ")}`,
  );
  return group;
}

describe("a mesh in one process", () => {
  it("carries every group of a publisher to viewers at every edge, and each relay pulls each track once", async () => {
    const world = await meshOf(1);
    const live = (await world.client("o1")).publish("live/a");
    await world.pass(200);
    const viewers: TestViewer[] = [];
    for (const edge of EDGES) for (let n = 0; n < 3; n++) viewers.push((await world.client(edge)).watch("live/a"));
    await world.pass(500);
    for (let group = 0; group < 10; group++) {
      live.send(group, `one ${group}`, `two ${group}`);
      await world.pass(100);
    }
    const expected = Array.from({ length: 10 }, (_, group) => `${group} finished one ${group}|two ${group}`);
    for (const viewer of viewers) assert.deepEqual(viewer.groupLines, expected);
    const subscribed = (nodes: string[]) => nodes.map((node) => world.relay(node).counters.upstreamSubscriptions);
    assert.deepEqual(subscribed(EDGES), [1, 1, 1]);
    assert.deepEqual(
      subscribed(REGIONALS).toSorted((a, b) => a - b),
      [0, 1],
    );
    assert.deepEqual(subscribed(ORIGINS), [1, 0]);
    assert.deepEqual(world.defects, []);
  });

  it("continues inside a group within a second when the regional that serves it is killed", async (t) => {
    const world = await meshOf(2);
    const live = (await world.client("o1")).publish("live/a");
    await world.pass(200);
    const viewer = (await world.client("e1")).watch("live/a");
    await world.pass(500);
    const [writer] = live.open(0);
    assert.ok(writer);
    const frame = (text: string) => {
      writer.object(text.length, 0);
      writer.payload(Buffer.from(text));
      writer.end();
    };
    frame("before");
    await world.pass(200);
    const serving = REGIONALS.find((node) => world.relay(node).counters.tracksActive > 0);
    assert.ok(serving);
    await world.relay(serving).kill();
    const killed = world.clock.now();
    await world.pass(25);
    frame("after");
    const resumed = () => viewer.groups[0]?.frames.length === 2;
    while (!resumed() && world.clock.now() - killed < 5_000) await world.pass(25);
    const gap = world.clock.now() - killed;
    t.diagnostic(`${gap} ms of simulated time`);
    writer.finish();
    await world.pass(100);
    assert.deepEqual(viewer.groupLines, ["0 finished before|after"]);
    assert.ok(gap < 1_000, `${gap} ms`);
    assert.deepEqual(world.relay("e1").mesh.sources.failovers, {
      failovers: 1,
      splices: 0,
      groupsResumed: 1,
      groupsLost: 0,
    });
  });

  it("announces a broadcast only to relays that asked: messages for one event", async (t) => {
    const world = await meshOf(3);
    const asking = ["e1", "e2"];
    for (const edge of asking) {
      const client = await world.client(edge);
      client.session.follow("live", { list: () => [], watch: () => () => {}, publish: () => "limit" });
    }
    const publisher = await world.client("o1");
    await world.pass(1_000);
    world.messages = 0;
    publisher.publish("live/a");
    await world.pass(1_000);
    const announced = world.messages;
    world.messages = 0;
    publisher.publish("elsewhere/a");
    await world.pass(1_000);
    t.diagnostic(
      `${announced} messages for an event that ${asking.length} relays of ${world.relays.size} asked for, ${world.messages} for one that nobody did`,
    );
    assert.ok(announced <= 1 + 2 * asking.length, `${announced} messages`);
    assert.equal(world.messages, 1);
  });

  for (const seed of SEEDS) {
    it(`stays watchable through kills, restarts and partitions (seed ${seed})`, {
      timeout: patient(110_000),
    }, async (t) => {
      const world = await meshOf(seed);
      const random = new Chance(seed * 7_919).next;
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      let publisher = (await world.client("o1")).publish("live/a");
      let group = 0;
      const done: string[] = [];
      for (let round = 0; round < 6; round++) {
        const victim = pick([...REGIONALS, ...EDGES, "root", "publisher", "partition"]);
        done.push(victim);
        if (given !== undefined) t.diagnostic(`${world.clock.now()} ${victim}`);
        if (victim === "publisher") {
          const at = pick(ORIGINS);
          publisher = (await world.client(at)).publish("live/a");
        } else if (victim === "partition") {
          const one = world.relay(pick(REGIONALS)).engine;
          world.network.cut(one);
          await world.pass(pick([500, 2_000, 8_000]));
          world.network.heal(one);
        } else {
          const { role } = world.relay(victim).info;
          await world.relay(victim).kill();
          await world.pass(pick([100, 3_000]));
          await world.start(victim, role);
        }
        await world.pass(1_000);
        for (const edge of EDGES) group = await watches(world, edge, "live/a", publisher, group);
      }
      t.diagnostic(done.join(", "));
      publisher.end();
      // Longer than every time-out: only what is still published is left. An older publisher of the path may still be there.
      await world.pass(IDLE_MS + LEASE_MS);
      for (const edge of EDGES) {
        const known = [...world.relay(edge).broadcasts.list("live")].map(({ path }) => path);
        // No viewer has asked there for long enough.
        assert.deepEqual(known, [], `what ${edge} knows`);
      }
      assert.deepEqual(world.defects, []);
    });
  }

  it("forgets a broadcast when its origin is gone for longer than a lease", async () => {
    const world = await meshOf(5);
    (await world.client("o1")).publish("live/a");
    const seen = announcedTo(await world.client("e1"));
    await world.pass(1_000);
    assert.deepEqual(seen, ["+live/a"]);
    await world.relay("o1").kill();
    // The root notices by the silence of its own end of the link, and then the lease begins.
    await world.pass(IDLE_MS + LEASE_MS + 1_000);
    assert.deepEqual(seen, ["+live/a", "-live/a"]);
    assert.equal(world.relay("root").mesh.root?.registry?.counts.holdings, 0);
  });
});
