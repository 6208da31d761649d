/** A publisher takes a path whose former publisher is still there, and relays learn of it one after the other. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { World } from "../../lab/sim/world.ts";
import type { TestPublisher, TestViewer } from "../session/support.ts";

const PATH = "live/a";

class Scene {
  readonly world = new World(["root"], () => 0.5);
  #old: TestPublisher | undefined;
  #sent = 300;

  /** Two viewers at one edge: one from the start, one that comes when only the edge knows the new publisher. */
  async start(): Promise<TestViewer> {
    const { world } = this;
    await world.start("root", "root");
    for (const node of ["o1", "o2"]) await world.start(node, "origin");
    await world.start("r1", "regional");
    await world.start("e1", "edge");
    await world.pass(500);
    this.#old = (await world.client("o1")).publish(PATH);
    await world.pass(200);
    const viewer = (await world.client("e1")).watch(PATH);
    await world.pass(500);
    await this.sendOld();
    await this.sendOld();
    return viewer;
  }

  async sendOld(): Promise<void> {
    this.#old?.send(this.#sent, `old ${this.#sent}`);
    this.#sent++;
    await this.world.pass(50);
  }

  /** The regional hears nothing of the root for `ms`, in which the new publisher comes. */
  async takeOver(ms: number): Promise<TestPublisher> {
    const { world } = this;
    const client = await world.client("o2");
    const [root, r1] = [world.relay("root").engine, world.relay("r1").engine];
    world.network.cut(root, r1);
    const publisher = client.publish(PATH);
    while (this.#epochAt("e1") !== this.#epochAt("o2")) await this.sendOld();
    assert.notEqual(this.#epochAt("r1"), this.#epochAt("e1"), "the edge is ahead of its regional");
    world.clock.timer(ms, () => world.network.heal(root, r1));
    return publisher;
  }

  #epochAt(node: string): bigint | undefined {
    return this.world.relay(node).broadcasts.broadcast(PATH)?.route()?.advertisement.epoch;
  }
}

/** Groups of the old publisher, then those of the new one from the first on, numbered upwards without a gap. */
function assertContinues(viewer: TestViewer, sent: number): void {
  assert.ok(!viewer.log.some((line) => line.startsWith("closed")), viewer.log.join());
  const finished = viewer.groups.filter(({ state }) => state === "finished");
  const frames = finished.map((group) => group.frames.join());
  const from = frames.findIndex((text) => text.startsWith("new"));
  assert.ok(from > 0 && frames.slice(0, from).every((text) => text.startsWith("old")), frames.join());
  assert.deepEqual(
    frames.slice(from),
    Array.from({ length: sent }, (_, sequence) => `new ${sequence}`),
  );
  const numbers = finished.map(({ sequence }) => sequence);
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
}

describe("an edge that learns of a new publisher before its regional", () => {
  it("gets the new publisher's groups from it as soon as the regional knows it, and none of the old one's", async () => {
    const scene = new Scene();
    const viewer = await scene.start();
    const { world } = scene;
    const publisher = await scene.takeOver(100);
    const late = (await world.client("e1")).watch(PATH);
    await scene.sendOld();
    await world.pass(400);
    for (let sequence = 0; sequence < 5; sequence++) {
      publisher.send(sequence, `new ${sequence}`);
      await world.pass(200);
    }
    assertContinues(viewer, 5);
    const frames = late.groups.map((group) => group.frames.join());
    assert.deepEqual(frames.slice(-5), ["new 0", "new 1", "new 2", "new 3", "new 4"]);
    assert.ok(frames.length <= 6, "the edge has one group of the old publisher in its cache");
    const { counters } = world.relay("r1");
    assert.equal(counters.tracksActive, 1, "the way is through the regional");
    assert.deepEqual(world.defects, []);
  });

  it("takes it from the origin while the regional is cut off from the root, and from the regional after that", async () => {
    const scene = new Scene();
    const viewer = await scene.start();
    const { world } = scene;
    const publisher = await scene.takeOver(20_000);
    await scene.sendOld();
    await world.pass(400);
    let sequence = 0;
    const send = async (count: number) => {
      for (let n = 0; n < count; n++) {
        publisher.send(sequence, `new ${sequence}`);
        sequence++;
        await world.pass(200);
      }
    };
    await send(5);
    assertContinues(viewer, 5);
    await send(200);
    assertContinues(viewer, 205);
    assert.equal(publisher.sinks.size, 1);
    assert.equal(world.relay("r1").counters.tracksActive, 1, "the way is through the regional");
    assert.deepEqual(world.defects, []);
  });
});
