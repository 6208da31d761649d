/** NEW_GROUP_REQUEST of viewers, which goes to a publisher that makes groups when it is asked (DYNAMIC_GROUPS). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeTrackProperties, type Parameters } from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named, wishes } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

for (const version of STREAMED_VERSIONS) {
  describe(`new groups of ${version}`, () => {
    async function scene(parameters: Parameters = {}, dynamicGroups = true) {
      const relay = await TestRelay.start();
      const publisher = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      const subscription = await viewer.request({ kind: "subscribe", ...named("live"), parameters });
      await relay.pass(50);
      const [upstream] = publisher.requests;
      assert.ok(upstream !== undefined);
      const answer = async () => {
        const properties = encodeTrackProperties({ dynamicGroups });
        const about = { parameters: { largest: { group: 4, object: 1 } }, properties };
        upstream.send({ kind: "subscribeOk", alias: 7, ...about });
        await relay.pass(50);
      };
      const update = async (change: Parameters) => {
        subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: change });
        await relay.pass(50);
      };
      return { relay, publisher, viewer, subscription, upstream, answer, update };
    }

    it("a wish in SUBSCRIBE is in the one of the relay", async () => {
      const { relay, upstream, answer } = await scene({ newGroupRequest: 0 });
      await answer();
      assert.deepEqual(wishes(upstream), ["subscribe 0"]);
      assert.deepEqual(relay.defects, []);
    });

    it("a publisher is asked once for a group, however many viewers ask, and again after that", async () => {
      const { relay, publisher, upstream, answer, update } = await scene();
      await answer();
      await update({ newGroupRequest: 5 });
      await update({ newGroupRequest: 5 });
      await update({ newGroupRequest: 0 });
      // A group that there is.
      await update({ newGroupRequest: 4 });
      await update({ priority: 3 });
      const other = await MoqtPeer.connect(relay, version);
      await other.request({ kind: "subscribe", ...named("live"), parameters: { newGroupRequest: 5 } });
      assert.deepEqual(wishes(upstream), ["requestUpdate 5"]);
      publisher.subgroup({ trackAlias: 7, group: 5 }, "x").finish();
      await relay.pass(50);
      await update({ newGroupRequest: 5 });
      await update({ newGroupRequest: 0 });
      assert.deepEqual(wishes(upstream), ["requestUpdate 5", "requestUpdate 0"]);
      assert.deepEqual(relay.defects, []);
    });

    it("a wish that comes before the answer of the publisher follows it", async () => {
      const { relay, viewer, upstream, answer } = await scene();
      const other = await MoqtPeer.connect(relay, version);
      await other.request({ kind: "subscribe", ...named("live"), parameters: { newGroupRequest: 0 } });
      assert.deepEqual(wishes(upstream), []);
      await answer();
      assert.deepEqual(wishes(upstream), ["requestUpdate 0"]);
      assert.equal(viewer.end, "");
    });

    it("a publisher without DYNAMIC_GROUPS is not asked by an update", async () => {
      const { upstream, answer, update } = await scene({}, false);
      await answer();
      await update({ newGroupRequest: 0 });
      assert.deepEqual(wishes(upstream), []);
    });

    it("a publisher that pushes its track is asked as well", async () => {
      const relay = await TestRelay.start();
      const publisher = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      const properties = encodeTrackProperties({ dynamicGroups: true });
      const about = { alias: 3, parameters: {}, properties };
      const pushed = await publisher.request({ kind: "publish", ...named("live"), ...about });
      const parameters = { newGroupRequest: 0 };
      await viewer.request({ kind: "subscribe", ...named("live"), parameters });
      await relay.pass(50);
      assert.deepEqual(wishes(pushed), ["requestUpdate 0"]);
      assert.deepEqual(relay.defects, []);
    });
  });
}
