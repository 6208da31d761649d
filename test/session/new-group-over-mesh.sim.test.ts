/** NEW_GROUP_REQUEST of viewers at an edge, which goes over the mesh to the publisher at an origin. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeTrackProperties, type Parameters } from "../../moq/wire/ietf/index.ts";
import { meshOf } from "../support/chain.ts";
import { type MoqtPeer, named, type RequestStream, wishes } from "./ietf-peer.ts";
import { peerAt } from "./mesh-world.ts";

const LARGEST = { group: 4, object: 1 };

/** A publisher at the origin, a first viewer at the edge, and what the publisher is asked. The publisher answers when `answer` is called. */
async function scene(parameters: Parameters = {}, dynamicGroups = true) {
  const world = await meshOf();
  const publisher = await peerAt(world, "o1");
  await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
  await world.pass(1_000);
  const viewer = await peerAt(world, "e1");
  const subscribe = async (at: MoqtPeer, more: Parameters) => {
    const request = await at.request({ kind: "subscribe", ...named("live"), parameters: more });
    await world.pass(500);
    return request;
  };
  const subscription = await subscribe(viewer, parameters);
  const [upstream] = publisher.requests;
  assert.ok(upstream !== undefined);
  const answer = async () => {
    const properties = encodeTrackProperties({ dynamicGroups });
    upstream.send({ kind: "subscribeOk", alias: 7, parameters: { largest: LARGEST }, properties });
    await world.pass(500);
  };
  const wish = async (at: MoqtPeer, of: RequestStream, newGroupRequest: number) => {
    of.send({ kind: "requestUpdate", requestId: at.nextId(), parameters: { newGroupRequest } });
    await world.pass(500);
  };
  return { world, publisher, viewer, subscription, upstream, subscribe, answer, wish };
}

describe("the wish for a new group of a viewer at an edge", () => {
  it("reaches the publisher where it is in the SUBSCRIBE of the first viewer", async () => {
    const { world, upstream, answer } = await scene({ newGroupRequest: 0 });
    await answer();
    assert.deepEqual(wishes(upstream), ["requestUpdate 0"]);
    assert.deepEqual(world.defects, []);
  });

  it("reaches the publisher once for viewers of two edges, and again after the new group", async () => {
    const { world, publisher, viewer, subscription, upstream, subscribe, answer, wish } = await scene();
    await answer();
    await wish(viewer, subscription, 5);
    await world.start("e2", "edge");
    await world.pass(2_000);
    const other = await peerAt(world, "e2");
    const late = await subscribe(other, { newGroupRequest: 5 });
    assert.deepEqual(wishes(upstream), ["requestUpdate 5"]);
    publisher.subgroup({ trackAlias: 7, group: 5 }, "x").finish();
    await world.pass(500);
    await wish(other, late, 5);
    await wish(other, late, 0);
    assert.deepEqual(wishes(upstream), ["requestUpdate 5", "requestUpdate 0"]);
    const got = [viewer, other].map(({ streams }) => streams.map(({ objects }) => objects));
    assert.deepEqual(got, [[["5/0 x"]], [["5/0 x"]]]);
    assert.deepEqual(world.defects, []);
  });

  it("is not made again at the relay that takes over from a lost one, once there is a new group", async () => {
    const { world, publisher, viewer, subscription, upstream, answer, wish } = await scene();
    await answer();
    await wish(viewer, subscription, 0);
    const group = async (sequence: number) => {
      publisher.subgroup({ trackAlias: 7, group: sequence }, "x").finish();
      await world.pass(5_000);
    };
    await group(5);
    await world.start("r2", "regional");
    await world.pass(2_000);
    await world.relay("r1").kill();
    await world.pass(5_000);
    await group(6);
    assert.deepEqual(
      viewer.streams.map(({ objects }) => objects),
      [["5/0 x"], ["6/0 x"]],
    );
    assert.deepEqual(wishes(upstream), ["requestUpdate 0"]);
    await wish(viewer, subscription, 0);
    assert.deepEqual(wishes(upstream), ["requestUpdate 0", "requestUpdate 0"], "the new way carries wishes, too");
    assert.deepEqual(world.defects, []);
  });

  it("does not reach a publisher without DYNAMIC_GROUPS", async () => {
    const { upstream, viewer, subscription, answer, wish } = await scene({}, false);
    await answer();
    await wish(viewer, subscription, 0);
    assert.deepEqual(wishes(upstream), []);
  });
});
