/** A route to a prefix (moq-lite 06) whose publisher is at another relay of the mesh. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readMark, withMark } from "../../cluster/control/prefix-mark.ts";
import type { World } from "../../lab/sim/world.ts";
import type { Advertisement } from "../../moq/model/index.ts";
import { TestPublisher } from "../session/support.ts";
import { meshOf } from "../support/chain.ts";
import { announcedTo } from "./worlds.ts";

const PREFIX = { epoch: 0n, hops: [], cost: 3, coldCost: 7, ended: false, covers: () => true };

async function publishAt(world: World, node: string, path: string, advertisement: Advertisement = PREFIX) {
  const client = await world.client(node, "moq-lite-06");
  const publisher = new TestPublisher();
  const publication = client.broadcasts.publish(path, advertisement, publisher);
  assert.ok(typeof publication !== "string");
  await world.pass(500);
  return { publisher, publication };
}

describe("a prefix that is announced at an origin", () => {
  for (const version of ["moq-lite-06", "moq-lite-05"]) {
    it(`serves what is under it to a viewer in ${version} at an edge`, async () => {
      const world = await meshOf();
      const { publisher } = await publishAt(world, "o1", "live/room");
      const viewer = (await world.client("e1", version)).watch("live/room/floor/cam");
      await world.pass(2_000);
      publisher.send(4, "a", "b");
      await world.pass(500);
      assert.equal(publisher.sinks.size, 1);
      assert.deepEqual(
        viewer.groups.map(({ frames, state }) => `${state} ${frames.join("|")}`),
        ["finished a|b"],
      );
      assert.deepEqual(world.defects, []);
    });
  }

  it("serves a viewer that asked before, and gives way to a broadcast of the path itself", async () => {
    const world = await meshOf();
    const viewer = (await world.client("e1")).watch("live/room/cam");
    await world.pass(500);
    const { publisher } = await publishAt(world, "o1", "live/room");
    await world.pass(2_000);
    assert.equal(publisher.sinks.size, 1);
    const own = await publishAt(world, "o1", "live/room/cam", { ...PREFIX, epoch: 0n });
    await world.pass(2_000);
    assert.equal(own.publisher.sinks.size, 1);
    assert.deepEqual(
      viewer.log.filter((line) => line.startsWith("closed")),
      [],
    );
    assert.deepEqual(world.defects, []);
  });

  it("is announced to a viewer in 06 that asks below it, and ends there with its publisher", async () => {
    const world = await meshOf();
    const { publication } = await publishAt(world, "o1", "live/room");
    const below = announcedTo(await world.client("e1", "moq-lite-06"), "live/room/floor");
    const older = announcedTo(await world.client("e1", "moq-lite-05"), "live/room/floor");
    await world.pass(2_000);
    assert.deepEqual([below, older], [["+live/room/floor"], []]);
    publication.end(false);
    await world.pass(2_000);
    assert.deepEqual(below, ["+live/room/floor", "-live/room/floor"]);
    assert.deepEqual(world.defects, []);
  });

  it("has its cold cost at an edge, with that of the links", async () => {
    const world = await meshOf();
    await publishAt(world, "o1", "live/room");
    (await world.client("e1")).watch("live/room");
    await world.pass(2_000);
    const [route] = world.relay("e1").broadcasts.broadcast("live/room")?.routes ?? [];
    // One link from the publisher, and one in the mesh.
    assert.deepEqual([route?.advertisement.cost, route?.advertisement.coldCost], [5, 9]);
    assert.equal(route?.advertisement.hops.length, 2);
  });

  it("serves on while no root answers, though the relays that are asked then say nothing of prefixes", async () => {
    const world = await meshOf();
    const { publisher } = await publishAt(world, "o1", "live/room");
    announcedTo(await world.client("e1"), "live");
    const viewer = (await world.client("e1")).watch("live/room/cam");
    await world.pass(2_000);
    await world.relay("root").kill();
    await world.pass(30_000);
    const later = (await world.client("e1")).watch("live/room/other");
    await world.pass(2_000);
    publisher.send(4, "a");
    await world.pass(500);
    assert.deepEqual([viewer.groupLines, later.groupLines], [["4 finished a"], ["4 finished a"]]);
    assert.deepEqual(world.defects, []);
  });

  it("of a version without prefixes serves its path alone", async () => {
    const world = await meshOf();
    const client = await world.client("o1", "moq-lite-05");
    const publisher = client.publish("live/room");
    const viewers = await world.client("e1");
    viewers.watch("live/room");
    viewers.watch("live/room/cam");
    await world.pass(2_000);
    assert.equal(publisher.requests.length, 1);
    const [route] = world.relay("e1").broadcasts.broadcast("live/room")?.routes ?? [];
    assert.deepEqual([route?.advertisement.covers, route?.advertisement.coldCost], [undefined, undefined]);
  });

  it("leaves nothing behind when no viewer asks below it any more", async () => {
    const world = await meshOf();
    const before = world.relay("e1").mesh.broadcasts.counts;
    const { publication } = await publishAt(world, "o1", "live/room");
    const viewer = (await world.client("e1")).watch("live/room/cam");
    await world.pass(2_000);
    viewer.upstream?.cancel();
    publication.end(false);
    await world.pass(60_000);
    assert.deepEqual(world.relay("e1").mesh.broadcasts.counts, before);
  });
});

describe("the mark of a prefix among the hops", () => {
  const covers = () => true;

  it("is read as it was written, before the hop of the holder", () => {
    for (const coldCost of [0, 7, 0xffff_fffd, undefined]) {
      const marked = withMark({ hops: [5n, 9n], covers, ...(coldCost !== undefined && { coldCost }) });
      assert.deepEqual([marked[0], marked.length, marked.at(-1)], [5n, 3, 9n]);
      const { covers: found, ...rest } = readMark(marked);
      assert.equal(found?.("any"), true);
      assert.deepEqual(rest, coldCost === undefined ? { hops: [5n, 9n] } : { hops: [5n, 9n], coldCost });
    }
    assert.deepEqual(withMark({ hops: [9n], covers, coldCost: 7 }), [0x2d5a9c3100000007n, 9n]);
    assert.equal(readMark(withMark({ hops: [9n], covers, coldCost: 2 ** 40 })).coldCost, undefined);
  });

  it("is not taken from a publisher whose hop id looks like one", () => {
    const hops = [0x2d5a9c3100000007n, 9n];
    assert.deepEqual(readMark(withMark({ hops })), { hops });
    assert.deepEqual(withMark({ hops: [5n, 9n] }), [5n, 9n]);
    const first = Array.from({ length: 26 }, (_, i) => BigInt(i + 1));
    const long = [...first, ...hops];
    const cleared = [...first, 0n, 9n];
    assert.deepEqual(readMark(withMark({ hops: long })), { hops: cleared });
    assert.deepEqual(readMark(withMark({ hops: long, covers: () => true })), { hops: cleared });
  });

  it("is left out of a list that has no room", () => {
    const hops = Array.from({ length: 28 }, (_, i) => BigInt(i + 1));
    assert.deepEqual(withMark({ hops, covers }), hops);
  });
});
