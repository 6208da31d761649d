/** Two origins with the same content, of which the one that serves is killed: no group may be missing at a viewer. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { World } from "../../lab/sim/world.ts";
import { type Keeps, Twin } from "./twin.ts";
import { meshWith } from "./worlds.ts";

const FRAME_MS = 100;
const PATH = "twin/a";

/** Lets `frames` frames go by, sent by all publishers at once. */
async function flow(world: World, twins: readonly Twin[], frames: number): Promise<void> {
  for (let sent = 0; sent < frames; sent++) {
    for (const twin of twins) twin.send();
    await world.pass(FRAME_MS);
  }
}

async function killed(keeps: Keeps, within: number) {
  const world = await meshWith({ o1: "origin", o2: "origin", r1: "regional", e1: "edge" });
  const twins = [new Twin(keeps), new Twin(keeps)];
  for (const [at, twin] of twins.entries()) twin.publish(await world.client(`o${at + 1}`), PATH);
  await world.pass(500);
  const viewer = (await world.client("e1")).watch(PATH);
  await flow(world, twins, 20 + within);
  const serving = ["o1", "o2"].find((node) => world.relay(node).counters.tracksActive > 0);
  assert.ok(serving);
  await world.relay(serving).kill();
  await flow(world, twins, 30);
  const last = (twins[0] as Twin).current - 1;
  const first = viewer.groups[0]?.sequence ?? 0;
  const missing: string[] = [];
  for (let group = first; group <= last; group++) {
    if (!viewer.groupLines.includes(Twin.whole(group)))
      missing.push(viewer.groupLines.find((told) => told.startsWith(`${group} `)) ?? `${group}`);
  }
  return { missing, world, twins };
}

describe("two origins with the same content", () => {
  for (const keeps of ["serves", "fetches"] as const) {
    for (let within = 0; within < 5; within++) {
      it(`of which one is killed ${within} frames into a group, with a publisher that ${keeps} past groups`, async () => {
        const { missing, world } = await killed(keeps, within);
        assert.deepEqual(missing, []);
        assert.deepEqual(world.defects, []);
        assert.equal(world.relay("r1").mesh.sources.failovers.groupsLost, 0);
      });
    }
  }
});
