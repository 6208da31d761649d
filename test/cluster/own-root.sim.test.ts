/** Relays that are roots besides: what is published at one is known at it as at every other root. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEASE_MS } from "../../lab/sim/settings.ts";
import { World } from "../../lab/sim/world.ts";
import { LIVE } from "../session/support.ts";
import { announcedTo } from "./worlds.ts";

function known(world: World, node: string) {
  const registry = world.relay(node).mesh.root?.registry;
  return {
    relays: [...(registry?.nodes() ?? [])].map(({ info, present }) => `${info.node} ${present}`).toSorted(),
    holdings: [...(registry?.under("") ?? [])].map(({ path, node: holder }) => `${path} ${holder}`).toSorted(),
  };
}

describe("a relay that is also a root", () => {
  it("has its own broadcasts in its registry, and relays that ask there can watch them", async () => {
    const world = new World(["o1"], () => 0.5);
    await world.start("o1", "origin");
    await world.start("e1", "edge");
    await world.pass(500);
    const publisher = await world.client("o1");
    const live = publisher.publish("live/a");
    const client = await world.client("e1");
    const log = announcedTo(client);
    const viewer = client.watch("live/a", LIVE);
    await world.pass(500);
    live.send(0, "one", "two");
    await world.pass(200);
    assert.deepEqual(known(world, "o1"), { relays: ["e1 true", "o1 true"], holdings: ["live/a o1"] });
    assert.deepEqual([log, viewer.groupLines], [["+live/a"], ["0 finished one|two"]]);
    live.end();
    await world.pass(200);
    assert.deepEqual([log.at(-1), known(world, "o1").holdings], ["-live/a", []]);
    assert.deepEqual(world.defects, []);
  });

  it("asks its own registry without a session, and learns what other relays hold", async () => {
    const world = new World(["o1"], () => 0.5);
    const root = await world.start("o1", "origin");
    await world.start("o2", "origin");
    await world.pass(500);
    const live = (await world.client("o2")).publish("live/b");
    const client = await world.client("o1");
    const log = announcedTo(client);
    const viewer = client.watch("live/b", LIVE);
    await world.pass(500);
    live.send(0, "frame");
    await world.pass(200);
    assert.deepEqual([log, viewer.groupLines], [["+live/b"], ["0 finished frame"]]);
    // Two clients, o2's control session, and a link for media: none of them is with itself.
    assert.deepEqual([root.mesh.control.connected, root.mesh.peers.up], [1, ["o2"]]);
    assert.equal(root.mesh.sources.failovers.failovers, 0);
    await world.relay("o2").kill();
    await world.pass(LEASE_MS + 12_000);
    assert.deepEqual(known(world, "o1"), { relays: ["o1 true"], holdings: [] });
    assert.deepEqual(world.defects, []);
  });

  it("knows its rivals: every relay takes the newest of two publishers", async () => {
    const world = new World(["o1"], () => 0.5);
    await world.start("o1", "origin");
    await world.start("o2", "origin");
    await world.pass(500);
    (await world.client("o1")).publish("live/a");
    await world.pass(500);
    const viewer = (await world.client("o1")).watch("live/a", LIVE);
    await world.pass(200);
    const newer = (await world.client("o2")).publish("live/a");
    await world.pass(500);
    newer.send(0, "newer");
    await world.pass(300);
    assert.match(viewer.groupLines.join(), /newer/);
    assert.deepEqual(known(world, "o1").holdings, ["live/a o1", "live/a o2"]);
    assert.deepEqual(world.defects, []);
  });

  it("can be one of several: each knows what is published at the other and at itself", async () => {
    const world = new World(["o1", "o2"], () => 0.5);
    for (const node of ["o1", "o2"]) await world.start(node, "origin");
    await world.start("e1", "edge");
    await world.pass(6_000);
    (await world.client("o1")).publish("live/a");
    (await world.client("o2")).publish("live/b");
    const log = announcedTo(await world.client("e1"));
    await world.pass(1_000);
    const all = { relays: ["e1 true", "o1 true", "o2 true"], holdings: ["live/a o1", "live/b o2"] };
    assert.deepEqual([known(world, "o1"), known(world, "o2"), log.toSorted()], [all, all, ["+live/a", "+live/b"]]);
    world.relay("o1").mesh.control.leave();
    await world.pass(500);
    assert.deepEqual(known(world, "o2"), { relays: ["e1 true", "o2 true"], holdings: ["live/b o2"] });
    assert.deepEqual(world.defects, []);
  });
});
