/** What is published in one version is watched in every other, over one relay and over a mesh. The list of versions is that of the code. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LIVE, TRACK } from "../../lab/sim/settings.ts";
import { World } from "../../lab/sim/world.ts";
import { assertWatched, hasObjects, ObjectSink, ObjectSource, VERSIONS } from "../support/objects.ts";

const GROUPS = 4;

/** Milliseconds of the simulated clock. */
const SETUP_MS = 1_000;
const OBJECT_MS = 50;

/** Publishes in `from` at one relay, and watches in every version at another one. */
async function publishAndWatch(world: World, from: string, at: string, watchedAt: string): Promise<void> {
  const path = `live/${from}`;
  const source = new ObjectSource(hasObjects(from));
  source.publishBy(await world.client(at, from), path);
  await world.pass(SETUP_MS);
  const viewers: { to: string; sink: ObjectSink }[] = [];
  for (const to of VERSIONS) {
    const sink = new ObjectSink();
    (await world.client(watchedAt, to)).session.source.subscribe(path, TRACK, LIVE, sink);
    viewers.push({ to, sink });
  }
  await world.pass(SETUP_MS);
  assert.equal(source.sinks.size, 1, "one subscription at the publisher serves all viewers");
  for (let group = 0; group < GROUPS; group++) {
    for (const _ of source.sending(group)) await world.pass(OBJECT_MS);
  }
  await world.pass(SETUP_MS);
  for (const { to, sink } of viewers) assertWatched(sink, { from, to, count: GROUPS, meshed: at !== watchedAt });
  assert.deepEqual(world.defects, []);
}

describe("over one relay", () => {
  for (const from of VERSIONS) {
    it(`what is published in ${from} is watched in every version`, async () => {
      const world = new World([], () => 0.5);
      await world.start("origin-1", "origin");
      await publishAndWatch(world, from, "origin-1", "origin-1");
    });
  }
});

describe("over origin, regional and edge", () => {
  for (const from of VERSIONS) {
    it(`what is published in ${from} is watched in every version`, async () => {
      const world = new World(["root-1"], () => 0.5);
      for (const role of ["root", "origin", "regional", "edge"] as const) await world.start(`${role}-1`, role);
      await world.pass(SETUP_MS);
      await publishAndWatch(world, from, "origin-1", "edge-1");
    });
  }
});
