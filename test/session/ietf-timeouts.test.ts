/** Delivery time-outs of moq-transport: those of the subscriber (parameters) and those of the publisher (properties of the track). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeTrackProperties, type Parameters } from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

type Timeouts = Pick<Parameters, "objectDeliveryTimeout" | "subgroupDeliveryTimeout">;

/** DELIVERY_TIMEOUT. */
const LATE = "reset 2";

/** Bytes of an object, and bytes a second of the way to the viewer: it takes five seconds. */
const SIZE = 1_000;
const SLOW = 200;

async function scene(version: string, subscriber: Timeouts = {}, publisher: Timeouts = {}) {
  const relay = await TestRelay.start();
  const from = await MoqtPeer.connect(relay, version);
  const viewer = await MoqtPeer.connect(relay, version);
  await from.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
  const subscription = await viewer.request({ kind: "subscribe", ...named("live"), parameters: subscriber });
  await relay.pass(50);
  const properties = encodeTrackProperties(publisher);
  from.requests[0]?.send({ kind: "subscribeOk", alias: 7, parameters: {}, properties });
  await relay.pass(50);
  const limit = (bandwidth: number) =>
    relay.network.wireOf(viewer.link).configure({ bandwidth, streamWindow: 100 }, "down");
  const subgroup = (group: number, ...payloads: string[]) => from.subgroup({ trackAlias: 7, group }, ...payloads);
  /** What has become of the viewer's streams, by group. */
  const ends = () => viewer.streams.map(({ header, end }) => `${header?.group} ${end}`);
  return { relay, from, viewer, subscription, limit, subgroup, ends };
}

const LONG = "x".repeat(SIZE);

const CASES = [
  { of: "the subscriber", subscriber: { objectDeliveryTimeout: 1000 }, publisher: {} },
  { of: "the publisher", subscriber: {}, publisher: { objectDeliveryTimeout: 1000 } },
  {
    of: "both ends, where the smaller one counts",
    subscriber: { objectDeliveryTimeout: 9000 },
    publisher: { objectDeliveryTimeout: 1000 },
  },
  {
    of: "both ends, where 0 is none",
    subscriber: { objectDeliveryTimeout: 1000, subgroupDeliveryTimeout: 0 },
    publisher: { objectDeliveryTimeout: 0 },
  },
] as const;

for (const version of STREAMED_VERSIONS) {
  describe(`delivery time-outs of ${version}`, () => {
    for (const { of, subscriber, publisher } of CASES) {
      it(`objects: ${of}`, async () => {
        const { relay, limit, subgroup, ends } = await scene(version, subscriber, publisher);
        limit(SLOW);
        subgroup(5, LONG);
        await relay.pass(900);
        assert.deepEqual(ends(), ["5 open"]);
        await relay.pass(700);
        assert.deepEqual(ends(), [`5 ${LATE}`], "of the newest group as well");
        limit(0);
        subgroup(6, "y").finish();
        await relay.pass(100);
        assert.deepEqual([ends(), relay.defects], [[`5 ${LATE}`, "6 fin"], []]);
      });
    }

    it("an object that waits less than that goes on, however old its stream is", async () => {
      const { relay, from, viewer, limit, subgroup, ends } = await scene(version, { objectDeliveryTimeout: 1000 });
      limit(4 * SIZE);
      const stream = subgroup(5, LONG);
      for (let sent = 1; sent < 10; sent++) {
        await relay.pass(400);
        from.more(stream, LONG);
      }
      stream.finish();
      await relay.pass(400);
      assert.deepEqual(ends(), ["5 fin"]);
      assert.equal(viewer.streams[0]?.objects.length, 10);
    });

    it("subgroups: from their end on", async () => {
      const { relay, limit, subgroup, ends } = await scene(version, {}, { subgroupDeliveryTimeout: 1000 });
      limit(SLOW);
      const stream = subgroup(5, LONG);
      await relay.pass(3000);
      assert.deepEqual(ends(), ["5 open"]);
      stream.finish();
      await relay.pass(900);
      assert.deepEqual(ends(), ["5 open"]);
      await relay.pass(600);
      assert.deepEqual([ends(), relay.defects], [[`5 ${LATE}`], []]);
    });

    it("without one nothing is late, and one that comes by an update counts for what is under way", async () => {
      const { relay, viewer, subscription, limit, subgroup, ends } = await scene(version);
      limit(SLOW);
      subgroup(5, LONG);
      await relay.pass(2000);
      const parameters = { objectDeliveryTimeout: 500 };
      subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters });
      await relay.pass(400);
      assert.deepEqual(ends(), ["5 open"]);
      await relay.pass(400);
      assert.deepEqual([ends(), relay.defects], [[`5 ${LATE}`], []]);
    });
  });
}
