/** Peers of moq-transport that do what none should, or at a bad moment: what it costs others. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { queryObjects } from "node:v8";
import { FilteredSubgroup } from "../../moq/model/filtered-subgroup.ts";
import { Subscription } from "../../moq/model/subscription.ts";
import {
  encodeFetchHeader,
  encodeTrackProperties,
  FetchObjectEncoder,
  type Message,
  type Parameters,
} from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named, type RequestStream } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

const NONE = new Uint8Array(0);
const ALIAS = 7;
/** What has ended and may still be held by a subgroup that waits for its next object. */
const MAX_LEFT = 34;

const kinds = ({ messages }: RequestStream) => messages.map(({ kind }) => kind);

async function scene(version: string) {
  const relay = await TestRelay.start();
  const publisher = await MoqtPeer.connect(relay, version);
  const viewer = await MoqtPeer.connect(relay, version);
  const push = async () =>
    await publisher.request({ kind: "publish", ...named("live"), alias: ALIAS, parameters: {}, properties: NONE });
  return { relay, publisher, viewer, push };
}

for (const version of STREAMED_VERSIONS) {
  describe(`bad peers of ${version}`, () => {
    it("a second stream for a fetch is refused, and the objects of the first one stay whole", async () => {
      const { relay, publisher, viewer } = await scene(version);
      await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
      await relay.pass(50);
      const largest = { group: 9, object: 0 };
      publisher.requests[0]?.send({ kind: "subscribeOk", alias: ALIAS, parameters: { largest }, properties: NONE });
      await relay.pass(50);
      const filter = { kind: "absolute", start: { group: 2, object: 0 }, end: { group: 3 } } as const;
      await viewer.request({ kind: "fetch", of: named("live"), parameters: { filter } });
      const asked = publisher.requests[1];
      const [fetch] = asked?.messages ?? [];
      assert.ok(asked !== undefined && fetch?.kind === "fetch");
      const end = { group: 3 };
      asked.send({ kind: "fetchOk", endOfTrack: false, end, parameters: {}, properties: NONE });
      const begin = (group: number, payload: string) => {
        const object = { group, object: 0, subgroup: 0, priority: 128, size: 4, status: undefined };
        const header = new FetchObjectEncoder(publisher.caps, 128).object({
          ...object,
          timestamp: undefined,
          properties: NONE,
        });
        return publisher.uni(encodeFetchHeader(fetch.requestId, publisher.caps), header.slice(), Buffer.from(payload));
      };
      const first = begin(2, "ab");
      await relay.pass(50);
      const second = begin(3, "wxyz");
      await relay.pass(50);
      second.finish();
      first.write(Buffer.from("cd"));
      first.finish();
      await relay.pass(50);
      assert.deepEqual(
        viewer.streams.map(({ objects, end: how }) => [objects[0], how]),
        [["2/0 abcd", "fin"]],
      );
      assert.deepEqual([viewer.end, relay.defects], ["", []]);
    });

    it("a track that was refused as it ended is offered again when it comes back", async () => {
      const { relay, viewer, push } = await scene(version);
      await viewer.request({ kind: "subscribeTracks", ...named("live"), parameters: {} });
      const pushed = await push();
      await relay.pass(50);
      const done: Message = { kind: "publishDone", code: 2, streams: 0, reason: "" };
      pushed.send(done);
      pushed.stream.finish();
      await relay.pass(50);
      const [offered] = viewer.requests;
      assert.ok(offered !== undefined);
      assert.deepEqual(kinds(offered), ["publish"]);
      offered.send({ kind: "requestError", code: 0x10, reason: "" });
      await relay.pass(2_000);
      await push();
      await relay.pass(50);
      assert.deepEqual(viewer.requests.map(kinds), [["publish"], ["publish"]]);
      assert.deepEqual(relay.defects, []);
    });

    it("a track that was refused is offered again when it comes back while another prefix is followed", async () => {
      const { relay, viewer, push } = await scene(version);
      const followed = await viewer.request({ kind: "subscribeTracks", ...named("live"), parameters: {} });
      const follow = async (path: string) => {
        const parameters = { namespacePrefix: named(path).namespace };
        followed.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters });
        await relay.pass(50);
      };
      const pushed = await push();
      await relay.pass(50);
      viewer.requests[0]?.send({ kind: "requestError", code: 0x10, reason: "" });
      await relay.pass(50);
      await follow("other");
      pushed.send({ kind: "publishDone", code: 2, streams: 0, reason: "" });
      pushed.stream.finish();
      await relay.pass(2_000);
      await push();
      await follow("live");
      assert.deepEqual(viewer.requests.map(kinds), [["publish"], ["publish"]]);
      assert.deepEqual([viewer.end, relay.defects], ["", []]);
    });

    it("viewers that come and go leave little behind at a subgroup that waits for its next object", async () => {
      const { relay, publisher, viewer, push } = await scene(version);
      await push();
      await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
      publisher.subgroup({ trackAlias: ALIAS, group: 0 }, "a");
      await relay.pass(50);
      const other = await MoqtPeer.connect(relay, version);
      const start = { group: 0, object: 0 };
      const filters = [
        { kind: "next_object" },
        { kind: "absolute", start: { group: 0, object: 5 } },
        { kind: "absolute", start, end: { group: 0, ...(version === "moqt-18" ? {} : { object: 9 }) } },
      ] as const;
      for (let count = 0; count < 120; count++) {
        const filter = filters[count % 3];
        assert.ok(filter);
        const { stream } = await other.request({ kind: "subscribe", ...named("live"), parameters: { filter } });
        stream.stop(1);
        stream.reset(1);
      }
      await relay.pass(50);
      assert.ok(Number(queryObjects(Subscription)) <= MAX_LEFT);
      assert.deepEqual([other.end, relay.defects], ["", []]);
    });

    it("one that pauses again and again leaves nothing behind, and goes on with the next object", async () => {
      const { relay, publisher, viewer, push } = await scene(version);
      await push();
      const subscription = await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
      const stream = publisher.subgroup({ trackAlias: ALIAS, group: 0 }, "a");
      await relay.pass(50);
      for (let count = 0; count < 20; count++) {
        const parameters = { forward: count % 2 === 1 };
        subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters });
        await relay.pass(20);
      }
      publisher.more(stream, "b");
      await relay.pass(50);
      assert.deepEqual(
        viewer.streams.map(({ objects }) => objects),
        [["0/0 a"], ["0/1 b"]],
      );
    });
  });
}

for (const version of STREAMED_VERSIONS.filter((one) => one !== "moqt-18")) {
  it(`an update in ${version} is answered, and its fill runs, while a fill keeps the end of its track from being said`, async () => {
    const { relay, publisher, viewer, push } = await scene(version);
    const pushed = await push();
    const first = await MoqtPeer.connect(relay, version);
    await first.request({ kind: "subscribe", ...named("live"), parameters: {} });
    for (const group of [3, 5]) {
      publisher.subgroup({ trackAlias: ALIAS, group, endsGroup: true }, "a").finish();
      await relay.pass(20);
    }
    await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
    const missing: Parameters = { filter: { kind: "absolute", start: { group: 2, object: 0 }, end: { group: 3 } } };
    const subscription = await viewer.request({
      kind: "subscribe",
      ...named("live"),
      parameters: { filter: { kind: "next_object" }, fill: missing },
    });
    pushed.send({ kind: "publishDone", code: 2, streams: 2, reason: "" });
    pushed.stream.finish();
    await relay.pass(2_000);
    const there: Parameters = { filter: { kind: "absolute", start: { group: 5, object: 0 }, end: { group: 5 } } };
    subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: { fill: there } });
    await relay.pass(50);
    assert.deepEqual(kinds(subscription), ["subscribeOk", "requestOk"]);
    // What is still kept goes with the track, so the publisher is asked for both fills.
    assert.deepEqual(publisher.requests.map(kinds), [["fetch"], ["fetch"]]);
    await relay.pass(20_000);
    assert.deepEqual(kinds(subscription), ["subscribeOk", "requestOk", "publishDone"]);
    const fills = viewer.streams.flatMap(({ fetch, end }) => (fetch === undefined ? [] : [[fetch, end]]));
    assert.deepEqual(fills, [
      [0, "fin"],
      [2, "fin"],
    ]);
    assert.deepEqual([viewer.end, relay.defects], ["", []]);
  });

  it(`an update of filters in ${version} leaves little behind at a subgroup that waits for its next object`, async () => {
    const { relay, publisher, viewer, push } = await scene(version);
    await push();
    const wants = (start: number) => ({ rangeFilters: [{ field: "object", set: 0, ranges: [{ start }] }] }) as const;
    const subscription = await viewer.request({ kind: "subscribe", ...named("live"), parameters: wants(100) });
    publisher.subgroup({ trackAlias: ALIAS, group: 0 }, "a");
    await relay.pass(50);
    for (let update = 1; update <= 100; update++) {
      subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: wants(100 + update) });
      await relay.pass(20);
    }
    assert.equal(kinds(subscription).length, 101);
    assert.ok(Number(queryObjects(FilteredSubgroup)) <= MAX_LEFT);
    assert.deepEqual([viewer.end, relay.defects], ["", []]);
  });
}

for (const version of STREAMED_VERSIONS) {
  it(`a viewer of ${version} that raises its wish for a new group again and again costs the publisher few updates`, async () => {
    const { relay, publisher, viewer } = await scene(version);
    await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
    const subscription = await viewer.request({ kind: "subscribe", ...named("live"), parameters: {} });
    await relay.pass(50);
    const [asked] = publisher.requests;
    assert.ok(asked !== undefined);
    const properties = encodeTrackProperties({ dynamicGroups: true });
    asked.send({ kind: "subscribeOk", alias: ALIAS, parameters: {}, properties });
    await relay.pass(50);
    for (let above = 1; above <= 50; above++) {
      const parameters = { newGroupRequest: above };
      subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters });
      await relay.pass(10);
    }
    await relay.pass(200);
    const wishes = asked.messages.flatMap((one) =>
      one.kind === "requestUpdate" ? [one.parameters.newGroupRequest] : [],
    );
    assert.deepEqual([wishes.at(0), wishes.at(-1)], [1, 50]);
    assert.ok(wishes.length <= 10, `${wishes.length} updates`);
    assert.deepEqual([publisher.end, viewer.end, relay.defects], ["", "", []]);
  });
}
