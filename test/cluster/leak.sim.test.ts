/** A thousand broadcasts that came and went through a mesh leave nothing behind in any of its tables. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import v8 from "node:v8";
import vm from "node:vm";
import type { SimRelay } from "../../lab/sim/relay.ts";
import { IDLE_MS, LEASE_MS } from "../../lab/sim/settings.ts";
import type { World } from "../../lab/sim/world.ts";
import { patient } from "../../scripts/suite/patience.ts";
import type { TestClient } from "../session/support.ts";
import { meshWith } from "./worlds.ts";

const BROADCASTS = 1_000;
/** At once: as many as fit into the bounds of a test's relay while those before them linger. */
const BATCH = 5;
/** Longer than every linger and lease. */
const CALM_MS = 2 * (IDLE_MS + LEASE_MS);

function countsOf(relay: SimRelay) {
  const { mesh, broadcasts, counters } = relay;
  return {
    routes: mesh.routes.counts,
    mesh: mesh.broadcasts.counts,
    registry: mesh.root?.registry.counts,
    peers: mesh.peers.size,
    broadcasts: [...broadcasts.list()].length,
    active: counters.broadcastsActive,
    tracks: counters.tracksActive,
    subscriptions: counters.subscriptionsActive,
    groups: counters.cacheGroups,
  };
}

/** Bytes that the ended broadcasts may leave: compiled code sometimes takes 0.4 MB. The counts are exact. */
const BYTES_LEFT = 1_000;

v8.setFlagsFromString("--expose-gc");
const collect: unknown = vm.runInNewContext("gc");

function heap(): number {
  assert.ok(typeof collect === "function");
  for (let round = 0; round < 4; round++) collect();
  return process.memoryUsage().heapUsed;
}

/** A thousand broadcasts at `publisher`, one after another, every other one watched by `watching`. */
async function comeAndGo(world: World, publisher: TestClient, watching: TestClient): Promise<void> {
  for (let from = 0; from < BROADCASTS; from += BATCH) {
    const live = Array.from({ length: BATCH }, (_, n) => publisher.publish(`live/${from + n}`));
    await world.pass(100);
    const viewers = live.map((_, n) => (n % 2 === 0 ? watching.watch(`live/${from + n}`) : undefined));
    await world.pass(200);
    for (const one of live) one.send(0, "frame");
    await world.pass(200);
    for (const viewer of viewers) if (viewer !== undefined) assert.deepEqual(viewer.groupLines, ["0 finished frame"]);
    // Some viewers leave first, others are left.
    for (const [n, viewer] of viewers.entries()) if (n % 4 === 0) viewer?.upstream?.cancel();
    for (const one of live) one.end();
    await world.pass(100);
    for (const viewer of viewers) viewer?.upstream?.cancel();
  }
  await world.pass(CALM_MS);
}

describe("a thousand broadcasts that were published and ended", { timeout: patient(110_000) }, () => {
  it("leave every table and the memory as before, watched or not", async (t) => {
    const world = await meshWith({ o1: "origin", o2: "origin", r1: "regional", e1: "edge" });
    const [publisher, watching] = [await world.client("o1"), await world.client("e1")];
    await world.pass(CALM_MS);
    const counts = () => new Map([...world.relays].map(([node, relay]) => [node, countsOf(relay)]));
    const [before, timers] = [counts(), world.clock.pending];
    // What a first thousand leaves is compiled code, and room in tables that were larger once.
    await comeAndGo(world, publisher, watching);
    const first = heap();
    await comeAndGo(world, publisher, watching);
    const left = heap() - first;
    t.diagnostic(`heap ${(first / 2 ** 20).toFixed(1)} MiB, after another ${BROADCASTS} broadcasts ${left} bytes more`);
    assert.deepEqual(counts(), before);
    assert.equal(world.clock.pending, timers);
    assert.deepEqual(world.defects, []);
    assert.ok(left < BYTES_LEFT * BROADCASTS, `${left} bytes`);
  });
});
