/** Delivery time-outs of moq-transport: those of the subscriber (parameters) and those of the publisher (properties of the track). */
import assert from "node:assert/strict";
import { it } from "node:test";
import { encodeTrackProperties } from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

/** `lasts`: milliseconds by which a group that is given up is older than the newest one. Nothing: none is given up. */
const CASES = [
  { of: "neither end", subscriber: {}, publisher: {}, lasts: undefined },
  { of: "the subscriber", subscriber: { objectDeliveryTimeout: 1000 }, publisher: {}, lasts: 1000 },
  { of: "the publisher", subscriber: {}, publisher: { objectDeliveryTimeout: 1000 }, lasts: 1000 },
  { of: "the publisher's subgroups", subscriber: {}, publisher: { subgroupDeliveryTimeout: 1000 }, lasts: 1000 },
  {
    of: "both ends, where the smaller one counts",
    subscriber: { subgroupDeliveryTimeout: 4000, objectDeliveryTimeout: 0 },
    publisher: { subgroupDeliveryTimeout: 1000, objectDeliveryTimeout: 9000 },
    lasts: 1000,
  },
] as const;

for (const version of STREAMED_VERSIONS) {
  for (const { of, subscriber, publisher: properties, lasts } of CASES) {
    it(`${version}: the delivery time-out of ${of}`, async () => {
      const relay = await TestRelay.start();
      const publisher = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      await viewer.request({ kind: "subscribe", ...named("live"), parameters: subscriber });
      await relay.pass(50);
      publisher.requests[0]?.send({
        kind: "subscribeOk",
        alias: 7,
        parameters: {},
        properties: encodeTrackProperties(properties),
      });
      await relay.pass(50);
      const send = (group: number, subgroup: number) =>
        publisher.subgroup({ trackAlias: 7, group, subgroup }, `${subgroup}`);
      // Its streams stay open: a group is complete once they have ended.
      send(5, 0);
      await relay.pass((lasts ?? 10_000) - 300);
      send(6, 0);
      await relay.pass(1);
      send(5, 1);
      await relay.pass(600);
      send(7, 0);
      await relay.pass(1);
      send(5, 2);
      await relay.pass(50);
      const got = viewer.streams.map(({ header }) => `${header?.group}/${header?.subgroup}`);
      assert.deepEqual(got, ["5/0", "6/0", "5/1", "7/0", ...(lasts === undefined ? ["5/2"] : [])]);
      assert.deepEqual(relay.defects, []);
    });
  }
}
