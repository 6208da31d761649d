/** Revocations in a mesh: one that a relay makes is obeyed by all within the bound, and no accident ends it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEASE_MS } from "../../lab/sim/settings.ts";
import { World } from "../../lab/sim/world.ts";

/** Milliseconds within which every relay obeys; the real bound, on the simulated clock. */
const BOUND_MS = 2_000;

const RELAYS = [
  ["root-1", "root"],
  ["root-2", "root"],
  ["o1", "origin"],
  ["r1", "regional"],
  ["e1", "edge"],
  ["e2", "edge"],
] as const;

async function mesh(roots: readonly string[] = ["root-1", "root-2"]): Promise<World> {
  const world = new World(roots, () => 0.5);
  for (const [node, role] of RELAYS) await world.start(node, role);
  await world.pass(1_000);
  return world;
}

const revoke = (world: World, node: string, text: string, inForce = true, until = 0) =>
  world.relay(node).mesh.revoked({ text, until }, inForce);

/** The relays that do not obey this revocation. */
const without = (world: World, text: string) =>
  [...world.relays].filter(([, { revoked }]) => !revoked.has(text)).map(([node]) => node);

/** Milliseconds until `done`, on the simulated clock. */
async function msUntil(world: World, done: () => boolean): Promise<number> {
  let ms = 0;
  for (; !done() && ms < 2 * BOUND_MS; ms += 25) await world.pass(25);
  return ms;
}

describe("a revocation", () => {
  for (const node of ["root-1", "root-2", "e1"]) {
    it(`that is made at ${node} is obeyed by every relay within 2 s, and ends everywhere when it ends there`, async (test) => {
      const world = await mesh();
      revoke(world, node, "a");
      const ms = await msUntil(world, () => without(world, "a").length === 0);
      test.diagnostic(`obeyed by ${world.relays.size} relays after ${ms} ms`);
      assert.ok(ms < BOUND_MS, `${without(world, "a").join()} after ${ms} ms`);
      revoke(world, node, "a", false);
      const end = await msUntil(world, () => without(world, "a").length === world.relays.size);
      assert.ok(end < BOUND_MS, `${end} ms`);
      assert.deepEqual(world.defects, []);
    });
  }

  it("is learned by a relay that joins later, also where the relay that made it is gone", async () => {
    const world = await mesh();
    revoke(world, "e1", "a");
    await world.pass(500);
    await world.relay("e1").kill();
    await world.pass(3 * LEASE_MS);
    await world.start("e3", "edge");
    assert.ok((await msUntil(world, () => without(world, "a").length === 0)) < BOUND_MS);
  });

  it("is obeyed while every root is gone, and after roots that have forgotten it are back", async () => {
    const world = await mesh();
    revoke(world, "root-1", "a");
    await world.pass(500);
    for (const node of ["root-1", "root-2"]) await world.relay(node).kill();
    await world.pass(3 * LEASE_MS);
    assert.deepEqual(without(world, "a"), []);
    for (const node of ["root-1", "root-2"]) await world.start(node, "root");
    await world.pass(3 * LEASE_MS);
    assert.deepEqual(without(world, "a"), ["root-1", "root-2"], "media relays still obey");
  });

  it("of a relay that leaves on purpose stays", async () => {
    const world = await mesh();
    revoke(world, "e1", "a");
    await world.pass(500);
    world.relay("e1").mesh.leave();
    await world.pass(200);
    await world.relay("e1").kill();
    await world.pass(3 * LEASE_MS);
    assert.deepEqual(without(world, "a"), []);
  });

  it("of a relay that is gone can be ended at the root, of one that is there only at that relay", async () => {
    const world = await mesh(["root-1"]);
    const root = world.relay("root-1").mesh;
    const told = { node: "e1", text: "a", until: 0 };
    revoke(world, "e1", "a");
    await world.pass(500);
    assert.equal(root.endRevocation(told), false);
    await world.relay("e1").kill();
    await world.pass(2 * LEASE_MS);
    assert.equal(root.endRevocation(told), true);
    await world.pass(500);
    assert.deepEqual(without(world, "a").length, world.relays.size);
  });

  it("that has expired is known nowhere", async () => {
    const world = await mesh();
    const until = Math.ceil(world.wallNow("root-1") / 1_000) + 20;
    revoke(world, "e1", "a", true, until);
    await world.pass(500);
    assert.deepEqual(without(world, "a"), []);
    await world.relay("e1").kill();
    await world.pass(30_000);
    assert.equal(without(world, "a").length, world.relays.size);
    assert.equal(world.relay("root-1").mesh.root?.registry.revocations.size, 0);
  });

  it("is not taken from a relay that names another", async () => {
    const world = await mesh();
    world.relay("e1").mesh.control.revoke({ node: "e2", text: "a", until: 0 });
    await world.pass(1_000);
    assert.equal(without(world, "a").length, world.relays.size);
  });
});
