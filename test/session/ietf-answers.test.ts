/** What the answers of moq-transport say of a track that runs: LARGEST_OBJECT and EXPIRES. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Location } from "../../moq/model/index.ts";
import { type Access, openAccess } from "../../moq/session/index.ts";
import { encodeObjectHeader, type Parameters } from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named, type RequestStream } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

const NONE = new Uint8Array(0);
const LARGEST = { group: 4, object: 1 };

/** Parameters of the answers to requests and updates. */
function answers({ messages }: RequestStream): Parameters[] {
  return messages.flatMap((one) => (one.kind === "subscribeOk" || one.kind === "requestOk" ? [one.parameters] : []));
}

function largest(stream: RequestStream): (Location | undefined)[] {
  return answers(stream).map((parameters) => parameters.largest);
}

/** A publisher of `live`, and what the viewer has subscribed to with `parameters`. */
async function subscribed(version: string, parameters: Parameters = {}, access: Partial<Access> = {}) {
  const relay = await TestRelay.start({ access });
  const publisher = await MoqtPeer.connect(relay, version);
  const viewer = await MoqtPeer.connect(relay, version);
  await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
  const subscription = await viewer.request({ kind: "subscribe", ...named("live"), parameters });
  await relay.pass(50);
  const [upstream] = publisher.requests;
  assert.ok(upstream !== undefined);
  upstream.send({ kind: "subscribeOk", alias: 7, parameters: { largest: LARGEST }, properties: NONE });
  await relay.pass(50);
  const update = async (change: Parameters) => {
    subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: change });
    await relay.pass(50);
  };
  return { relay, publisher, viewer, subscription, upstream, update };
}

for (const version of STREAMED_VERSIONS) {
  describe(`answers of ${version}`, () => {
    it("an update is answered with the newest object that is there then", async () => {
      const { relay, publisher, subscription, update } = await subscribed(version);
      await update({ priority: 1 });
      publisher.subgroup({ trackAlias: 7, group: 5 }, "a", "b", "c").finish();
      await relay.pass(50);
      await update({ priority: 2 });
      assert.deepEqual(largest(subscription), [LARGEST, LARGEST, { group: 5, object: 2 }]);
      assert.deepEqual(relay.defects, []);
    });

    it("each of several updates at once has an answer, also where the track ends with them", async () => {
      const { relay, subscription, viewer, upstream } = await subscribed(version);
      for (const priority of [1, 2, 3]) {
        subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: { priority } });
      }
      upstream.send({ kind: "publishDone", code: 2, streams: 0, reason: "" });
      upstream.stream.finish();
      await relay.pass(1000);
      const kinds = subscription.messages.map(({ kind }) => kind);
      assert.deepEqual(kinds, ["subscribeOk", "requestOk", "requestOk", "requestOk", "publishDone"]);
    });

    it("a subscription that goes on after a pause begins after the object that the answer names", async () => {
      const { relay, publisher, viewer, subscription, update } = await subscribed(version);
      const stream = publisher.subgroup({ trackAlias: 7, group: 5 }, "a");
      await update({ forward: false });
      publisher.more(stream, "b", "c");
      await relay.pass(50);
      await update({ forward: true });
      assert.deepEqual(largest(subscription).at(-1), { group: 5, object: 2 });
      publisher.more(stream, "d");
      await relay.pass(50);
      assert.deepEqual(
        viewer.streams.map(({ objects }) => objects),
        [["5/0 a"], ["5/3 d"]],
      );
    });

    it("TRACK_STATUS is answered with the newest object, which the publisher may name again", async () => {
      const { relay, viewer, upstream } = await subscribed(version);
      const ask = async () => {
        const status = await viewer.request({ kind: "trackStatus", ...named("live"), parameters: {} });
        return largest(status);
      };
      assert.deepEqual(await ask(), [LARGEST]);
      const newer = { largest: { group: 9, object: 0 } };
      // Answers to updates of the relay have it, and since draft 20 a message of its own.
      if (viewer.caps.publishParameters) upstream.send({ kind: "publishState", parameters: newer });
      else upstream.send({ kind: "requestOk", parameters: newer, properties: NONE });
      await relay.pass(50);
      assert.deepEqual(await ask(), [newer.largest]);
      assert.deepEqual(relay.defects, []);
    });

    it("a pushed track has the newest object of its PUBLISH", async () => {
      const relay = await TestRelay.start();
      const publisher = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      const about = { alias: 3, parameters: { largest: LARGEST, forward: false }, properties: NONE };
      await publisher.request({ kind: "publish", ...named("live"), ...about });
      const subscription = await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
      await relay.pass(50);
      assert.deepEqual(largest(subscription), [LARGEST]);
    });

    it("FETCH_OK says that the track ends with the range, once its publisher has said so", async () => {
      const { relay, publisher, viewer } = await subscribed(version);
      const fetched = async (end: { group: number; object?: number }) => {
        const filter = { kind: "absolute" as const, start: { group: 5, object: 0 }, end };
        const fetch = await viewer.request({ kind: "fetch", of: named("live"), parameters: { filter } });
        await relay.pass(50);
        return fetch.messages.map((one) => (one.kind === "fetchOk" ? [one.endOfTrack, one.end] : one.kind));
      };
      const stream = publisher.subgroup({ trackAlias: 7, group: 5 }, "a", "b");
      await relay.pass(50);
      // A group that is complete is answered from the cache alone.
      stream.write(encodeObjectHeader(viewer.caps, 0, 0, NONE, "end_of_group", undefined).slice());
      stream.finish();
      await relay.pass(100);
      assert.deepEqual(await fetched({ group: 5 }), [[false, { group: 5, object: 2 }]]);
      const last = publisher.subgroup({ trackAlias: 7, group: 6 }, "c");
      last.write(encodeObjectHeader(viewer.caps, 0, 0, NONE, "end_of_track", undefined).slice());
      last.finish();
      await relay.pass(100);
      assert.deepEqual(await fetched({ group: 5 }), [[false, { group: 5 }]], "an earlier range");
      assert.deepEqual(await fetched({ group: 9 }), [[true, { group: 6, object: 1 }]]);
      assert.deepEqual(relay.defects, []);
    });

    it("EXPIRES is when the token of the request ends", async () => {
      let left = 60_000;
      const tokens = [{ use: "value", type: 1, value: Uint8Array.of(1) }] as const;
      const present = async () => ({ ...openAccess(""), expiresIn: () => left, check: () => undefined });
      const own = await subscribed(version, { tokens }, { present });
      left = 20_000;
      await own.update({ priority: 1 });
      assert.deepEqual(
        answers(own.subscription).map(({ expires }) => expires),
        [60_000, 20_000],
      );
      const without = await subscribed(version);
      assert.deepEqual(
        answers(without.subscription).map(({ expires }) => expires),
        [undefined],
      );
    });
  });
}
