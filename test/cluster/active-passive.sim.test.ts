/** Two origins with the same content and different costs: viewers take the cheaper one, fail over, and return when it is stable. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Chance } from "../../lab/random.ts";
import type { TestViewer } from "../../lab/sim/client.ts";
import { crossesOcean, type Region, roundTripMs } from "../../lab/sim/regions.ts";
import { World } from "../../lab/sim/world.ts";
import { Twin } from "./twin.ts";

const given = process.env["MOQMESH_SEED"];
const SEEDS = given === undefined ? [1, 2, 3] : [Number(given)];
const FRAME_MS = 100;
const PATH = "twin/a";
const RETURN_MS = 10_000;
/** As in the track: a better relay must stay the better one for so long before a track moves. */
const PREFER_MS = 5_000;
const REGIONS: Readonly<Record<string, Region>> = {
  root: "us-east",
  active: "us-east",
  passive: "eu-west",
  r1: "eu-central",
  r2: "eu-central",
  e1: "eu-central",
};

class Stage {
  readonly world: World;
  readonly twins: Twin[] = [];
  viewer: TestViewer | undefined;

  constructor(seed: number) {
    const region = (node: string) => REGIONS[node] ?? "us-east";
    this.world = new World(["root"], new Chance(seed).next, {
      peer: { idleTimeoutMs: 600, keepAliveMs: 150 },
      latencyMs: (from, to) => roundTripMs(region(from), region(to)) / 2,
      settings: ({ node }) => ({ cost: node === "passive" ? 10 : 0, returnMs: RETURN_MS }),
    });
  }

  /** Both origins have a publisher that sends the same frames at the same time, and a viewer watches at the edge. */
  async begin(): Promise<void> {
    const { world } = this;
    for (const node of ["root", "active", "passive", "r1", "r2", "e1"]) await this.start(node);
    await world.pass(1_000);
    for (const node of ["active", "passive"]) await this.publish(node);
    await world.pass(1_000);
    this.viewer = (await world.client("e1")).watch(PATH);
    await this.flow(2_000);
  }

  async start(node: string): Promise<void> {
    const role = node.startsWith("r") ? (node === "root" ? "root" : "regional") : node === "e1" ? "edge" : "origin";
    await this.world.start(node, role, REGIONS[node]);
  }

  async publish(node: string): Promise<void> {
    const [first] = this.twins;
    const twin = new Twin("serves");
    // An encoder that comes later is at the same frame.
    const frames = first === undefined ? 0 : first.current * 5 + first.within;
    for (let sent = 0; sent < frames; sent++) twin.send();
    this.twins.push(twin);
    twin.publish(await this.world.client(node), PATH);
  }

  async flow(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += FRAME_MS) {
      for (const twin of this.twins) twin.send();
      await this.world.pass(FRAME_MS);
    }
  }

  /** The origin that a regional takes the track from. */
  get origin(): string {
    const serving = ["active", "passive"].filter(
      (node) => (this.world.relays.get(node)?.counters.tracksActive ?? 0) > 0,
    );
    return serving.join(" and ");
  }

  /** Lets it flow until an origin serves; milliseconds that this took. */
  async until(origin: string, mostMs: number): Promise<number> {
    for (let passed = 0; passed <= mostMs; passed += FRAME_MS) {
      if (this.origin === origin) return passed;
      await this.flow(FRAME_MS);
    }
    return assert.fail(`${this.origin} serves and not ${origin} after ${mostMs} ms`);
  }

  /** Groups that the viewer did not get whole, of those that are over. */
  get missing(): string[] {
    const groups = this.viewer?.groups ?? [];
    const last = (this.twins[0]?.current ?? 0) - 2;
    const lines = new Set(this.viewer?.groupLines);
    const missing: string[] = [];
    for (let group = groups[0]?.sequence ?? 0; group <= last; group++) {
      if (!lines.has(Twin.whole(group))) missing.push(`${group}`);
    }
    return missing;
  }
}

for (const seed of SEEDS) {
  describe(`an active and a passive origin (seed ${seed})`, () => {
    it("serves from the cheaper one, from the other when it dies, and from the cheaper one again when it is stable, without a lost group", async (t) => {
      const stage = new Stage(seed);
      const { world } = stage;
      await stage.begin();
      assert.equal(stage.origin, "active", "the cheaper one, although it is across an ocean");
      assert.ok(crossesOcean("us-east", "eu-central"));
      await world.relay("active").kill();
      const failedOver = await stage.until("passive", 2_000);
      await stage.flow(3_000);
      await stage.start("active");
      await world.pass(0);
      await stage.publish("active");
      const back = world.clock.now();
      await stage.flow(RETURN_MS - 1_000);
      assert.equal(stage.origin, "passive", "it has not been back for long enough");
      await stage.until("active", PREFER_MS + 12_000);
      t.diagnostic(
        `failed over after ${failedOver} ms, returned ${world.clock.now() - back} ms after the active one was back`,
      );
      await stage.flow(5_000);
      assert.deepEqual(stage.missing, []);
      assert.deepEqual(world.defects, []);
    });

    it("stays with the passive one while the active one comes and goes", async () => {
      const stage = new Stage(seed);
      const { world } = stage;
      await stage.begin();
      for (let flaps = 0; flaps < 4; flaps++) {
        await world.relay("active").kill();
        await stage.until("passive", 2_000);
        await stage.flow(1_000);
        await stage.start("active");
        await stage.publish("active");
        for (let passed = 0; passed < 8_000; passed += 500) {
          await stage.flow(500);
          assert.equal(stage.origin, "passive");
        }
      }
      await stage.until("active", 16 * RETURN_MS + PREFER_MS);
      await stage.flow(3_000);
      assert.deepEqual(stage.missing, []);
      assert.deepEqual(world.defects, []);
    });
  });
}
