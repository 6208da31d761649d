/** What the first client gets that asks a relay what is live. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { World } from "../../lab/sim/world.ts";
import type { TestClient } from "../session/support.ts";
import { meshWith } from "./worlds.ts";

/** Asks as `moqmesh ls` does. Says after how many milliseconds the list was there, what it had, and whether it was all. */
async function list(world: World, client: TestClient, atMostMs: number) {
  const live: string[] = [];
  const answers: { paths: string[]; complete: boolean }[] = [];
  const following = client.session.follow("", {
    list: () => [],
    watch: () => () => {},
    publish: (path) => {
      live.push(path);
      return { update: () => {}, end: () => {} };
    },
  });
  void following.complete.then((complete) => {
    answers.push({ paths: live.toSorted(), complete });
  });
  let ms = 0;
  for (; answers.length === 0 && ms < atMostMs; ms += 25) await world.pass(25);
  return { ms, ...answers[0] };
}

describe("the first list of what is live", () => {
  it("has what other relays publish, at an edge that has asked for nothing before", async () => {
    const world = await meshWith({ o1: "origin", e1: "edge" });
    (await world.client("o1")).publish("live/a");
    await world.pass(100);
    const { ms, ...listed } = await list(world, await world.client("e1"), 1_000);
    assert.deepEqual(listed, { paths: ["live/a"], complete: true });
    assert.ok(ms <= 100, `${ms} ms`);
    assert.deepEqual(world.defects, []);
  });

  it("has what other relays know where no root can be asked", async () => {
    const world = await meshWith({ o1: "origin", r1: "regional", e1: "edge" });
    await world.relay("root").kill();
    await world.pass(2_000);
    (await world.client("o1")).publish("live/a");
    await world.pass(100);
    const { ms, ...listed } = await list(world, await world.client("e1"), 1_000);
    assert.deepEqual(listed, { paths: ["live/a"], complete: true });
    assert.ok(ms <= 200, `${ms} ms`);
  });

  it("comes after half a second and is marked incomplete where no other relay answers", async () => {
    const world = new World(["root"], () => 0.5);
    await world.start("e1", "edge");
    await world.pass(2_000);
    (await world.client("e1")).publish("live/own");
    await world.pass(100);
    const { ms, ...listed } = await list(world, await world.client("e1"), 2_000);
    assert.deepEqual(listed, { paths: ["live/own"], complete: false });
    assert.ok(ms >= 500 && ms <= 600, `${ms} ms`);
  });

  it("comes at once from a relay without other relays", async () => {
    const world = new World([], () => 0.5);
    await world.start("o1", "origin");
    await world.pass(1_000);
    (await world.client("o1")).publish("live/a");
    await world.pass(100);
    const { ms, ...listed } = await list(world, await world.client("o1"), 1_000);
    assert.deepEqual(listed, { paths: ["live/a"], complete: true });
    assert.ok(ms <= 50, `${ms} ms`);
  });
});
