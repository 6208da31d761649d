/** Meshes over continents, with the round trips between real regions: which links a track crosses. MOQMESH_SEED=N runs one seed. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TOPOLOGY_METRICS } from "../../cluster/topology-metrics.ts";
import { Chance } from "../../lab/random.ts";
import type { TestPublisher, TestViewer } from "../../lab/sim/client.ts";
import type { WorldEvents } from "../../lab/sim/probe.ts";
import { crossesOcean, REGIONS, type Region, roundTripMs } from "../../lab/sim/regions.ts";
import { World } from "../../lab/sim/world.ts";

const given = process.env["MOQMESH_SEED"];
const SEEDS = given === undefined ? [1, 2, 3] : [Number(given)];

/** Links over the longest ocean are silent for a third of a second between two signs of life. */
const PEER = { idleTimeoutMs: 1_500, keepAliveMs: 300 };
const PATHS = ["live/a", "live/b", "live/c", "live/d"];
const BOUNDED_MS = 20_000;

/** Which relay takes which track from which, now. */
class Links implements WorldEvents {
  readonly taken = new Map<string, { readonly from: string; readonly to: string; readonly path: string }>();
  #count = 0;
  held() {}
  released() {}
  nodeGone() {}
  holdingGone() {}
  subscribed(to: string, from: string, path: string): () => void {
    const key = `${++this.#count}`;
    this.taken.set(key, { from, to, path });
    return () => void this.taken.delete(key);
  }
}

class Continents {
  readonly links = new Links();
  readonly world: World;

  constructor(seed: number, parents: Readonly<Record<string, string>>) {
    const regionOf = (node: string) => this.world.relays.get(node)?.info.region as Region;
    this.world = new World(["root"], new Chance(seed).next, {
      peer: PEER,
      parents,
      events: this.links,
      latencyMs: (from, to) => roundTripMs(regionOf(from), regionOf(to)) / 2,
    });
  }

  /** A root in us-east, and in each region an origin, regionals and edges. */
  async raise(regions: readonly Region[], regionals: number, edges: number): Promise<void> {
    await this.world.start("root", "root", "us-east");
    for (const region of regions) {
      await this.world.start(`o-${region}`, "origin", region);
      for (let n = 0; n < regionals; n++) await this.world.start(`r-${region}-${n}`, "regional", region);
      for (let n = 0; n < edges; n++) await this.world.start(`e-${region}-${n}`, "edge", region);
    }
    await this.world.pass(3_000);
  }

  regionOf(node: string): Region {
    return this.world.relay(node).info.region as Region;
  }

  edges(): string[] {
    return [...this.world.relays.values()].filter(({ info }) => info.role === "edge").map(({ info }) => info.node);
  }

  /** Times that a broadcast crosses an ocean now, by its path. */
  crossings(): Map<string, number> {
    const crossings = new Map<string, number>();
    for (const { from, to, path } of this.links.taken.values()) {
      if (crossesOcean(this.regionOf(from), this.regionOf(to))) crossings.set(path, (crossings.get(path) ?? 0) + 1);
    }
    return crossings;
  }

  /** Relays that take something from a relay that takes the same from them, at any distance. */
  circles(): string[] {
    const circles: string[] = [];
    for (const path of PATHS) {
      const all = [...this.links.taken.values()].filter((one) => one.path === path);
      const above = (node: string) => all.filter(({ to }) => to === node).map(({ from }) => from);
      const circular = (node: string, seen: readonly string[]): boolean =>
        above(node).some((from) => seen.includes(from) || circular(from, [...seen, from]));
      for (const node of new Set(all.map(({ to }) => to))) if (circular(node, [node])) circles.push(`${path} ${node}`);
    }
    return circles;
  }

  async watchEverywhere(paths: readonly string[]): Promise<TestViewer[]> {
    const viewers: TestViewer[] = [];
    for (const node of this.edges()) {
      const client = await this.world.client(node);
      for (const path of paths) viewers.push(client.watch(path));
    }
    return viewers;
  }

  /** Publishes groups until every viewer has a group that was sent from now on. Returns the number of groups sent. */
  async flow(publishers: readonly TestPublisher[], viewers: readonly TestViewer[], from: number): Promise<number> {
    const end = this.world.clock.now() + BOUNDED_MS;
    let group = from;
    const served = ({ groups }: TestViewer) =>
      groups.some(({ sequence, state }) => sequence >= from && state === "finished");
    while (!viewers.every(served)) {
      for (const publisher of publishers) publisher.send(group, `group ${group}`);
      group++;
      await this.world.pass(250);
      assert.deepEqual(this.circles(), []);
      const missing = viewers.filter((viewer) => !served(viewer)).map(({ log }) => log.join());
      assert.ok(this.world.clock.now() < end, `${missing.length} viewers got nothing: ${missing[0]}`);
    }
    return group;
  }
}

async function published(mesh: Continents, at: string): Promise<TestPublisher[]> {
  const client = await mesh.world.client(at);
  const publishers = PATHS.map((path) => client.publish(path));
  await mesh.world.pass(1_000);
  return publishers;
}

/** Europe behind Ireland, Asia behind Tokyo, the Americas' west behind their east. */
const HUBS = { "eu-central": "eu-west", "ap-southeast": "ap-northeast", "us-west": "us-east" };
const NORTH: readonly Region[] = ["us-east", "us-west", "eu-west", "eu-central", "ap-northeast", "ap-southeast"];

describe("parent regions", () => {
  it("have round trips between all regions of the table, the same both ways", () => {
    for (const a of REGIONS) {
      for (const b of REGIONS) {
        assert.equal(roundTripMs(a, b), roundTripMs(b, a));
        assert.ok(a === b ? roundTripMs(a, b) === 1 : roundTripMs(a, b) > 10, `${a} ${b}`);
      }
    }
    assert.equal(roundTripMs("us-west", "ap-northeast"), 89.1);
    assert.equal(roundTripMs("sa-east", "ap-southeast"), 328.1);
  });

  for (const seed of SEEDS) {
    it(`let each track cross an ocean once per continent, however many regionals and edges watch (seed ${seed})`, async (t) => {
      const counts: number[] = [];
      for (const parents of [{}, HUBS]) {
        const mesh = new Continents(seed, parents);
        await mesh.raise(NORTH, 3, 3);
        const publishers = await published(mesh, "o-us-west");
        const viewers = await mesh.watchEverywhere(PATHS);
        await mesh.flow(publishers, viewers, 0);
        await mesh.world.pass(8_000);
        const crossings = mesh.crossings();
        counts.push(crossings.get("live/a") ?? 0);
        for (const path of PATHS) assert.equal(crossings.get(path), parents === HUBS ? 2 : 4, `${path} ${seed}`);
        assert.deepEqual(mesh.world.defects, []);
      }
      t.diagnostic(`crossings of an ocean by a track: ${counts[0]} without parent regions, ${counts[1]} with them`);
    });

    it(`fall back to the origin when all regionals of the parent are killed, and return (seed ${seed})`, async () => {
      const mesh = new Continents(seed, HUBS);
      await mesh.raise(["us-east", "eu-west", "eu-central"], 2, 2);
      const publishers = await published(mesh, "o-us-east");
      const viewers = await mesh.watchEverywhere(PATHS);
      let group = await mesh.flow(publishers, viewers, 0);
      const hubs = ["r-eu-west-0", "r-eu-west-1"];
      for (const node of hubs) await mesh.world.relay(node).kill();
      for (const [key, { from, to }] of mesh.links.taken) {
        if (hubs.includes(to) || hubs.includes(from)) mesh.links.taken.delete(key);
      }
      const central = viewers.filter((_, n) => mesh.edges()[Math.floor(n / PATHS.length)]?.startsWith("e-eu-central"));
      group = await mesh.flow(publishers, central, group);
      for (const { from, to } of mesh.links.taken.values()) {
        if (to.startsWith("r-eu-central")) assert.equal(from, "o-us-east");
      }
      for (const node of hubs) await mesh.world.start(node, "regional", "eu-west");
      const until = mesh.world.clock.now() + BOUNDED_MS;
      while ([...mesh.crossings().values()].some((count) => count !== 1)) {
        group = await mesh.flow(publishers, viewers, group);
        assert.ok(mesh.world.clock.now() < until, JSON.stringify([...mesh.crossings()]));
      }
      assert.deepEqual(mesh.world.defects, []);
    });
  }

  for (const [what, parents] of [
    ["two regions name each other", { "us-east": "eu-west", "eu-west": "us-east" }],
    [
      "three regions name each other in a circle",
      { "us-east": "eu-west", "eu-west": "eu-central", "eu-central": "us-east" },
    ],
    ["a region names itself", { "us-east": "us-east", "eu-west": "eu-west" }],
    ["a region names one in a circle", { "us-east": "eu-west", "eu-west": "us-east", "eu-central": "eu-west" }],
    ["a region names one that no relay is in", { "eu-west": "mars", "eu-central": "eu-west" }],
    ["the regions are a chain", { "eu-central": "eu-west", "eu-west": "us-east" }],
  ] as const) {
    it(`serve every viewer without a loop where ${what}`, async () => {
      const mesh = new Continents(4, parents);
      await mesh.raise(["us-east", "eu-west", "eu-central"], 2, 2);
      await mesh.world.start("o-sa-east", "origin", "sa-east");
      const publishers = await published(mesh, "o-sa-east");
      const viewers = await mesh.watchEverywhere(PATHS);
      await mesh.flow(publishers, viewers, 0);
      await mesh.world.pass(8_000);
      const ways = [...mesh.links.taken.values()].map(
        ({ from, to }) => `${mesh.regionOf(from)} to ${mesh.regionOf(to)}`,
      );
      const ignored = mesh.world.relay("r-us-east-0").counters.numbers(TOPOLOGY_METRICS).parentIgnored;
      assert.equal(ignored, Number(parents["us-east" as keyof typeof parents] === "eu-west"));
      const chain = what === "the regions are a chain";
      assert.equal(ways.includes("eu-west to eu-central"), chain, "through the parent region");
      assert.equal(ways.includes("sa-east to eu-central"), !chain, "from the origin");
      assert.deepEqual(mesh.world.defects, []);
    });
  }
});
