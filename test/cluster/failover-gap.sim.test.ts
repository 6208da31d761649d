/** The longest gap of a viewer when a relay on its way dies, or is cut off in silence, at any moment of a group. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TestViewer } from "../../lab/sim/client.ts";
import { World } from "../../lab/sim/world.ts";
import { Twin } from "./twin.ts";

const FRAME_MS = 33;
const FRAMES_PER_GROUP = 30;
const FRAME_BYTES = 1_200;

/** One-way delays of 5 ms: detection, and a few round trips along the tiers. */
const GAP_MS = 300;

/** A viewer, and the longest time between two of its frames. */
class Watching {
  readonly #viewer: TestViewer;
  #frames = 0;
  #frameAt = 0;
  worstMs = 0;

  constructor(viewer: TestViewer) {
    this.#viewer = viewer;
  }

  look(now: number): void {
    const frames = this.#viewer.groups.reduce((sum, group) => sum + group.frames.length, 0);
    if (frames === this.#frames) return;
    if (this.#frames > 0) this.worstMs = Math.max(this.worstMs, now - this.#frameAt);
    this.#frames = frames;
    this.#frameAt = now;
  }

  /** What is wrong with its groups up to `last`, without its first one. */
  damaged(last: number): string[] {
    const wrong: string[] = [];
    for (let sequence = (this.#viewer.groups[0]?.sequence ?? 0) + 1; sequence <= last; sequence++) {
      const found = this.#viewer.groups.filter((one) => one.sequence === sequence);
      const [group] = found;
      if (found.length === 1 && group?.frames.length === FRAMES_PER_GROUP && group.state === "finished") continue;
      wrong.push(`group ${sequence}: ${found.map(({ frames, state }) => `${frames.length} ${state}`).join(", ")}`);
    }
    return wrong;
  }
}

const ORIGINS = ["o1", "o2"];
const REGIONALS = ["r1", "r2"];
const EDGES = ["e1", "e2"];

/** Sends 30 frames a second, and measures the longest time between two frames at each viewer. */
class Broadcast {
  readonly world = new World(["root"], () => 0.5);
  readonly #publisher = new Twin("serves", FRAME_BYTES, FRAMES_PER_GROUP);
  readonly #viewers: Watching[] = [];
  #nextAt = 0;

  /** Of all viewers, since they began. */
  get worstMs(): number {
    return this.#viewers.reduce((worst, { worstMs }) => Math.max(worst, worstMs), 0);
  }

  /** Groups that a viewer did not get as they were published. */
  get damaged(): string[] {
    return this.#viewers.flatMap((viewer) => viewer.damaged(this.#publisher.current - 1));
  }

  async start(publishers: readonly string[]): Promise<void> {
    const { world } = this;
    await world.start("root", "root");
    for (const node of ORIGINS) await world.start(node, "origin");
    for (const node of REGIONALS) await world.start(node, "regional");
    for (const node of EDGES) await world.start(node, "edge");
    await world.pass(500);
    for (const node of publishers) this.#publisher.publish(await world.client(node), "twin/a");
    await world.pass(200);
    for (const node of EDGES) this.#viewers.push(new Watching((await world.client(node)).watch("twin/a")));
    await world.pass(500);
    this.#nextAt = world.clock.now();
    await this.run(2_000);
  }

  async run(ms: number): Promise<void> {
    const { clock } = this.world;
    for (const end = clock.now() + ms; clock.now() < end; ) {
      if (clock.now() >= this.#nextAt) {
        this.#publisher.send();
        this.#nextAt += FRAME_MS;
      }
      await this.world.pass(3);
      for (const viewer of this.#viewers) viewer.look(clock.now());
    }
  }

  /** Kills the relay of those that the track is taken from. */
  async kill(nodes: readonly string[]): Promise<void> {
    await this.world.relay(this.#serving(nodes)).kill();
  }

  /** Packets vanish between the relay of `nodes` that the track is taken from, and all `others`. */
  async cut(nodes: readonly string[], others: readonly string[]): Promise<void> {
    const { engine } = this.world.relay(this.#serving(nodes));
    for (const other of others) this.world.network.cut(engine, this.world.relay(other).engine);
  }

  /** Packets vanish between all of `nodes` and the relay `other`. */
  async cutAll(nodes: readonly string[], other: string): Promise<void> {
    const { network } = this.world;
    for (const node of nodes) network.cut(this.world.relay(node).engine, this.world.relay(other).engine);
  }

  #serving(nodes: readonly string[]): string {
    const node = nodes.find((one) => this.world.relay(one).counters.subscriptionsActive > 0);
    assert.ok(node);
    return node;
  }
}

/** Moments in a group, with more of them around its ends. */
const OFFSETS_MS = [0, 20, 250, 480, 900, 960, 975];

type Harm = (scene: Broadcast) => Promise<void>;

const CASES: readonly (readonly [what: string, publishers: readonly string[], harm: Harm])[] = [
  ["a regional is killed", ["o1"], (scene) => scene.kill(REGIONALS)],
  ["a regional is cut off from its edges", ["o1"], (scene) => scene.cut(REGIONALS, EDGES)],
  ["a regional is cut off from the only origin", ["o1"], (scene) => scene.cut(REGIONALS, ORIGINS)],
  ["both regionals are cut off from the only origin", ["o1"], (scene) => scene.cutAll(REGIONALS, "o1")],
  ["one of two origins is killed", ORIGINS, (scene) => scene.kill(ORIGINS)],
  ["one of two origins is cut off from the regionals", ORIGINS, (scene) => scene.cut(ORIGINS, REGIONALS)],
];

describe("the longest gap of a viewer", () => {
  for (const [what, publishers, harm] of CASES) {
    it(`is at most ${GAP_MS} ms when ${what}, and no group is lost`, async (t) => {
      const gaps: number[] = [];
      for (const offset of OFFSETS_MS) {
        const scene = new Broadcast();
        await scene.start(publishers);
        await scene.run(offset);
        await harm(scene);
        await scene.run(3_000);
        gaps.push(scene.worstMs);
        assert.deepEqual(scene.damaged, []);
        assert.deepEqual(scene.world.defects, []);
      }
      t.diagnostic(`${gaps.join(", ")} ms of simulated time`);
      assert.ok(Math.max(...gaps) <= GAP_MS, `${gaps.join(", ")} ms`);
    });
  }
});
