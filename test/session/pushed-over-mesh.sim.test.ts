/** Tracks that a publisher pushes to an origin (moq-transport PUBLISH), as viewers at other relays see them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { World } from "../../lab/sim/world.ts";
import type { Message } from "../../moq/wire/ietf/index.ts";
import { meshOf } from "../support/chain.ts";
import { type MoqtPeer, named, type RequestStream } from "./ietf-peer.ts";
import { peerAt } from "./mesh-world.ts";
import { TestPublisher } from "./support.ts";

const NONE = new Uint8Array(0);
const NEWEST = { epoch: 0n, hops: [], cost: 0, ended: false };

async function push(publisher: MoqtPeer, path: string, track: string, alias: number): Promise<RequestStream> {
  const parameters = { forward: false };
  return await publisher.request({ kind: "publish", ...named(path, track), alias, parameters, properties: NONE });
}

async function wantTracks(viewer: MoqtPeer, prefix: string): Promise<RequestStream> {
  return await viewer.request({ kind: "subscribeTracks", ...named(prefix), parameters: {} });
}

/** The names of the tracks for which the viewer got a PUBLISH. */
function offered(viewer: MoqtPeer): string[] {
  const publishes = viewer.requests.flatMap(({ messages }): Message[] => messages.slice(0, 1));
  return publishes.map((one) => (one.kind === "publish" ? Buffer.from(one.name).toString() : one.kind));
}

/** Prefixes that the relay asks others for, and how many relays it asks. */
function askedBy(world: World, node: string): number[] {
  const { pushedPrefixes, pushedRelays } = world.relay(node).mesh.broadcasts.counts;
  return [pushedPrefixes, pushedRelays];
}

describe("a track that is pushed to an origin", () => {
  it("is offered to a viewer at an edge that asked for tracks before, and its objects arrive", async () => {
    const world = await meshOf();
    const viewer = await peerAt(world, "e1");
    await wantTracks(viewer, "live");
    const publisher = await peerAt(world, "o1");
    await push(publisher, "live/a", "video", 3);
    await world.pass(2_000);
    assert.deepEqual(offered(viewer), ["video"]);
    publisher.subgroup({ trackAlias: 3, group: 0 }, "x").finish();
    await world.pass(500);
    assert.deepEqual(
      viewer.streams.map(({ objects }) => objects),
      [["0/0 x"]],
    );
    assert.deepEqual(world.defects, []);
  });

  it("is offered to a viewer that comes later, and a further track of the broadcast as well", async () => {
    const world = await meshOf();
    const publisher = await peerAt(world, "o1");
    await push(publisher, "live/a", "video", 3);
    await world.pass(1_000);
    const viewer = await peerAt(world, "e1");
    await wantTracks(viewer, "live");
    await world.pass(2_000);
    await push(publisher, "live/a", "audio", 4);
    await push(publisher, "other/a", "video", 5);
    await world.pass(1_000);
    assert.deepEqual(offered(viewer), ["video", "audio"]);
    assert.deepEqual(world.defects, []);
  });

  it("ends for the viewer, and is offered again when it is pushed again", async () => {
    const world = await meshOf();
    const publisher = await peerAt(world, "o1");
    const viewer = await peerAt(world, "e1");
    await wantTracks(viewer, "live");
    const pushed = await push(publisher, "live/a", "video", 3);
    await world.pass(2_000);
    pushed.send({ kind: "publishDone", code: 2, streams: 0, reason: "" });
    pushed.stream.finish();
    await world.pass(2_000);
    assert.equal(viewer.requests[0]?.messages.at(-1)?.kind, "publishDone");
    await push(publisher, "live/a", "video", 4);
    await world.pass(2_000);
    assert.deepEqual(offered(viewer), ["video", "video"]);
    assert.deepEqual(world.defects, []);
  });

  it("is asked for only while somebody wants tracks, and below no other prefix", async () => {
    const world = await meshOf();
    const publisher = await peerAt(world, "o1");
    await push(publisher, "live/a", "video", 3);
    await push(publisher, "other/b", "video", 4);
    const counts = () => ["e1", "r1", "o1"].map((node) => askedBy(world, node));
    await world.pass(1_000);
    const none = [0, 0];
    assert.deepEqual(counts(), [none, none, none]);
    const viewer = await peerAt(world, "e1");
    const wanted = await wantTracks(viewer, "live");
    await world.pass(2_000);
    assert.deepEqual(counts(), [[1, 1], [1, 1], none]);
    assert.deepEqual(offered(viewer), ["video"]);
    wanted.stream.finish();
    wanted.stream.stop(0);
    await world.pass(2_000);
    assert.deepEqual(counts(), [none, none, none]);
  });

  it("is offered again by the regional that takes over from one that is lost", async () => {
    const world = await meshOf();
    await world.start("r2", "regional");
    await world.pass(40_000);
    const publisher = await peerAt(world, "o1");
    await push(publisher, "live/a", "video", 3);
    const viewer = await peerAt(world, "e1");
    await wantTracks(viewer, "live");
    await world.pass(2_000);
    const used = ["r1", "r2"].find((node) => askedBy(world, node)[0] === 1);
    await world.relay(used ?? "").kill();
    await world.pass(5_000);
    await push(publisher, "live/a", "audio", 4);
    await world.pass(3_000);
    assert.deepEqual(offered(viewer), ["video", "audio"]);
    assert.deepEqual(world.defects, []);
  });

  it("is not offered behind a relay of an earlier version, which takes no harm", async () => {
    const world = await meshOf({
      meshProtocols: (node) => (node === "r1" ? ["moqmesh-1"] : ["moqmesh-2", "moqmesh-1"]),
    });
    const publisher = await peerAt(world, "o1");
    await push(publisher, "live/a", "video", 3);
    const viewer = await peerAt(world, "e1");
    await wantTracks(viewer, "live");
    await world.pass(3_000);
    assert.deepEqual(offered(viewer), []);
    const subscribed = await viewer.request({ kind: "subscribe", ...named("live/a"), parameters: {} });
    await world.pass(1_000);
    assert.equal(subscribed.messages[0]?.kind, "subscribeOk");
    assert.deepEqual(world.defects, []);
  });

  it("is offered once the publisher is gone that had the broadcast at the viewer's relay", async () => {
    const world = await meshOf();
    await world.start("o2", "origin");
    await world.pass(1_000);
    await push(await peerAt(world, "o1"), "live/a", "video", 3);
    await world.pass(100);
    const publication = (await world.client("o2")).broadcasts.publish("live/a", NEWEST, new TestPublisher());
    assert.ok(typeof publication !== "string");
    await world.pass(1_000);
    const viewer = await peerAt(world, "o2");
    await wantTracks(viewer, "live");
    await world.pass(40_000);
    const before = askedBy(world, "o2");
    publication.end(false);
    await world.pass(1_000);
    const after = askedBy(world, "o2");
    assert.deepEqual(
      { before, after, offered: offered(viewer) },
      { before: [1, 0], after: [1, 1], offered: ["video"] },
    );
  });

  it("is offered again where its publisher pushes it again at once", async () => {
    const world = await meshOf();
    const publisher = await peerAt(world, "o1");
    const viewers = [await peerAt(world, "e1"), await peerAt(world, "o1")];
    for (const viewer of viewers) await wantTracks(viewer, "live");
    const pushed = await push(publisher, "live/a", "video", 3);
    await world.pass(2_000);
    pushed.send({ kind: "publishDone", code: 2, streams: 0, reason: "" });
    pushed.stream.finish();
    await push(publisher, "live/a", "video", 4);
    await world.pass(10_000);
    publisher.subgroup({ trackAlias: 4, group: 0 }, "x").finish();
    await world.pass(500);
    assert.deepEqual(
      viewers.map(({ streams }) => streams.map(({ objects }) => objects)),
      [[["0/0 x"]], [["0/0 x"]]],
    );
    assert.deepEqual(world.defects, []);
  });
});
