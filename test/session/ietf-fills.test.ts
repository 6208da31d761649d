/** Fill streams of moq-transport, which drafts have since 20: a subscription gets what was there before it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Parameters } from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named, type RequestStream } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

const NONE = new Uint8Array(0);
const ALIAS = 7;
const NEXT_OBJECT = { kind: "next_object" } as const;
const CURRENT_GROUP = { kind: "relative", groups: 1 } as const;

const kinds = ({ messages }: RequestStream) => messages.map(({ kind }) => kind);

function doneOf({ messages }: RequestStream) {
  const done = messages.at(-1);
  return done?.kind === "publishDone" ? [done.code, done.streams] : [];
}

for (const version of STREAMED_VERSIONS.filter((one) => one !== "moqt-18")) {
  describe(`fill streams of ${version}`, () => {
    /** A pushed track with the groups 0 to 2, of which the last is open, and a viewer that is to come late. */
    async function scene({ options = {}, properties = NONE } = {}) {
      const relay = await TestRelay.start(options);
      const publisher = await MoqtPeer.connect(relay, version);
      const first = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      const push = { kind: "publish", ...named("live"), alias: ALIAS, parameters: {}, properties } as const;
      const pushed = await publisher.request(push);
      await first.request({ kind: "subscribe", ...named("live"), parameters: {} });
      for (const group of [0, 1]) {
        publisher.subgroup({ trackAlias: ALIAS, group, endsGroup: true }, "a", "b", "c").finish();
        await relay.pass(20);
      }
      const current = publisher.subgroup({ trackAlias: ALIAS, group: 2 }, "a", "b");
      await relay.pass(50);
      const subscribe = async (parameters: Parameters) =>
        await viewer.request({ kind: "subscribe", ...named("live"), parameters });
      const fills = () => viewer.streams.filter(({ fetch }) => fetch !== undefined);
      const filled = () => fills().map(({ fetch, objects, end }) => [fetch, objects.join(", "), end]);
      const live = () => viewer.streams.filter(({ header }) => header !== undefined).flatMap(({ objects }) => objects);
      return { relay, publisher, pushed, first, viewer, current, subscribe, fills, filled, live };
    }

    /** Writes the next object of a subgroup. */
    function next(stream: { write(bytes: Uint8Array): void }, payload: string): void {
      stream.write(Uint8Array.of(0, 0, payload.length));
      stream.write(Buffer.from(payload));
    }

    it("the current group is filled up to the newest object, and goes on from there", async () => {
      const { relay, current, subscribe, filled, live } = await scene();
      const subscription = await subscribe({ filter: NEXT_OBJECT, fill: { filter: CURRENT_GROUP } });
      next(current, "c");
      await relay.pass(50);
      assert.deepEqual(filled(), [[0, "2/0 a, 2/1 b", "fin"]]);
      assert.deepEqual(live(), ["2/2 c"]);
      const [ok] = subscription.messages;
      assert.ok(ok?.kind === "subscribeOk");
      assert.deepEqual(ok.parameters.largest, { group: 2, object: 1 });
      assert.deepEqual(relay.defects, []);
    });

    it("the range is that of FILL_PARAMETERS, or of the subscription, and ends at the newest object", async () => {
      const { viewer, subscribe, filled } = await scene();
      const range = { kind: "absolute", start: { group: 0, object: 2 }, end: { group: 1, object: 0 } } as const;
      await subscribe({ filter: NEXT_OBJECT, fill: { filter: range } });
      await subscribe({ filter: { kind: "relative", groups: 2 }, fill: {} });
      await subscribe({ filter: NEXT_OBJECT, fill: { filter: { kind: "none" } } });
      const from = { kind: "absolute", start: { group: 2, object: 1 }, end: { group: 9 } } as const;
      await subscribe({ filter: from, fill: {} });
      viewer.descending.add(8);
      await subscribe({ fill: { filter: { kind: "relative", groups: 99 }, groupOrder: "descending" } });
      const [zero, one] = [0, 1].map((group) => `${group}/0 a, ${group}/1 b, ${group}/2 c`);
      assert.deepEqual(filled(), [
        [0, "0/2 c, 1/0 a", "fin"],
        [2, `${one}, 2/0 a, 2/1 b`, "fin"],
        [4, `${zero}, ${one}, 2/0 a, 2/1 b`, "fin"],
        [6, "2/1 b", "fin"],
        [8, `2/0 a, 2/1 b, ${one}, ${zero}`, "fin"],
      ]);
    });

    it("there is no stream for nothing, without FILL_PARAMETERS, or while the subscription is paused", async () => {
      const { relay, viewer, subscribe, filled } = await scene();
      await subscribe({ filter: NEXT_OBJECT, fill: {} });
      await subscribe({ fill: { filter: { kind: "relative", groups: 0 } } });
      await subscribe({ fill: { filter: { kind: "absolute", start: { group: 2, object: 2 } } } });
      await subscribe({ filter: { kind: "relative", groups: 2 } });
      const paused = await subscribe({ filter: NEXT_OBJECT, forward: false, fill: { filter: CURRENT_GROUP } });
      paused.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: { forward: true } });
      await relay.pass(50);
      assert.deepEqual(filled(), []);
    });

    it("an update asks for a fill of its own, with its own request id", async () => {
      const { relay, viewer, current, subscribe, filled } = await scene();
      const subscription = await subscribe({ filter: NEXT_OBJECT, fill: { filter: CURRENT_GROUP } });
      next(current, "c");
      await relay.pass(50);
      const update = async (parameters: Parameters) => {
        const requestId = viewer.nextId();
        subscription.send({ kind: "requestUpdate", requestId, parameters });
        await relay.pass(50);
        return requestId;
      };
      const fill = { filter: { kind: "absolute", start: { group: 2, object: 1 } } } as const;
      const second = await update({ fill });
      await update({ priority: 3 });
      await update({ forward: false, fill });
      assert.deepEqual(filled(), [
        [0, "2/0 a, 2/1 b", "fin"],
        [second, "2/1 b, 2/2 c", "fin"],
      ]);
      const [, answer] = subscription.messages;
      assert.ok(answer?.kind === "requestOk");
      assert.deepEqual(answer.parameters.largest, { group: 2, object: 2 });
    });

    it("range filters are those of the subscription, as far as FILL_PARAMETERS have no others", async () => {
      const { subscribe, filled } = await scene();
      const objects = (first: number, last: number) =>
        ({ field: "object", set: 0, ranges: [{ start: first, end: last }] }) as const;
      const subgroups = { field: "subgroup", set: 0, ranges: [{ start: 0, end: 0 }] } as const;
      await subscribe({ rangeFilters: [objects(1, 1), subgroups], fill: { filter: { kind: "none" } } });
      const fill = { filter: { kind: "none" }, rangeFilters: [objects(2, 9)] } as const;
      await subscribe({ rangeFilters: [objects(1, 1), subgroups], fill });
      assert.deepEqual(filled(), [
        [0, "0/1 b, 1/1 b, 2/1 b", "fin"],
        [2, "0/2 c, 1/2 c", "fin"],
      ]);
    });

    it("one that waits for its track gets its fills once it is answered", async () => {
      const relay = await TestRelay.start();
      const publisher = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      await publisher.request({ kind: "publishNamespace", ...named("live"), parameters: {} });
      const fill = { filter: CURRENT_GROUP };
      const parameters = { filter: NEXT_OBJECT, fill };
      const subscription = await viewer.request({ kind: "subscribe", ...named("live"), parameters });
      subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: { fill } });
      await relay.pass(50);
      const [upstream] = publisher.requests;
      const largest = { group: 4, object: 1 };
      upstream?.send({ kind: "subscribeOk", alias: ALIAS, parameters: { largest }, properties: NONE });
      await relay.pass(50);
      assert.deepEqual(kinds(subscription), ["subscribeOk", "requestOk"]);
      const fetches = publisher.requests.slice(1).flatMap(({ messages: [first] }) => (first ? [first.kind] : []));
      assert.deepEqual(fetches, ["fetch"], "both fills wait for one fetch at the publisher");
      assert.deepEqual(viewer.streams, []);
      await relay.pass(60_000);
      const ends = viewer.streams.map(({ fetch, end, objects }) => [fetch, end, objects]);
      assert.deepEqual(
        ends.map(([id]) => id),
        [0, 2],
      );
      assert.deepEqual(relay.defects, []);
    });

    it("FILL_TIMEOUT bounds the wait for the publisher, in fills and fetches; what is there is sent", async () => {
      const { relay, viewer, subscribe, filled } = await scene();
      relay.broadcasts.purge("live");
      const fill = (fillTimeout: number) => ({ filter: { kind: "none" }, fillTimeout }) as const;
      await subscribe({ filter: NEXT_OBJECT, fill: fill(0) });
      assert.deepEqual(filled(), [[0, "timed_out to 2/1", "fin"]]);
      await subscribe({ filter: NEXT_OBJECT, fill: fill(1000) });
      await viewer.request({ kind: "fetch", of: named("live"), parameters: { fillTimeout: 1500 } });
      await relay.pass(800);
      assert.equal(filled().length, 1);
      await relay.pass(300);
      assert.deepEqual(filled()[1], [2, "timed_out to 2/1", "fin"]);
      await relay.pass(500);
      assert.deepEqual(filled()[2], [4, "timed_out to 2/1", "fin"]);
      assert.deepEqual(relay.defects, []);
    });

    it("its end waits for a fill, whose streams it counts; a viewer that leaves ends both", async () => {
      const { relay, viewer, pushed, subscribe, filled } = await scene();
      relay.broadcasts.purge("live");
      const parameters = { filter: NEXT_OBJECT, fill: { filter: CURRENT_GROUP, fillTimeout: 3000 } } as const;
      const stays = await subscribe(parameters);
      const leaves = await subscribe(parameters);
      leaves.stream.reset(1);
      leaves.stream.stop(1);
      await relay.pass(50);
      pushed.send({ kind: "publishDone", code: 2, streams: 3, reason: "" });
      pushed.stream.finish();
      await relay.pass(1000);
      assert.deepEqual(kinds(stays), ["subscribeOk"]);
      await relay.pass(12_000);
      assert.deepEqual(doneOf(stays).at(-1), filled().length);
      assert.deepEqual(stays.events, ["fin"]);
      assert.deepEqual(
        filled().map(([request]) => request),
        [0],
      );
      assert.deepEqual([viewer.end, relay.defects], ["", []]);
    });

    it("a fill beyond the bound of the session is a stream that is reset after its header", async () => {
      const options = { session: { fetchesPerSession: 0 } };
      const { relay, pushed, subscribe, live, current } = await scene({ options });
      const subscription = await subscribe({ filter: NEXT_OBJECT, fill: { filter: CURRENT_GROUP } });
      next(current, "c");
      current.finish();
      await relay.pass(50);
      assert.equal(relay.counters.boundsHit.fetches_per_session, 1);
      assert.deepEqual(live(), ["2/2 c"]);
      pushed.send({ kind: "publishDone", code: 2, streams: 3, reason: "" });
      pushed.stream.finish();
      await relay.pass(3000);
      assert.deepEqual(doneOf(subscription), [2, 2], "one stream of each kind");
    });

    it("SUBSCRIBE_TRACKS may ask for fills, which have the id of the PUBLISH", async () => {
      const { relay, viewer, filled } = await scene();
      const parameters = { filter: NEXT_OBJECT, fill: { filter: CURRENT_GROUP } };
      await viewer.request({ kind: "subscribeTracks", ...named("live"), parameters });
      await relay.pass(50);
      const [offered] = viewer.requests;
      const [publish] = offered?.messages ?? [];
      assert.ok(offered && publish?.kind === "publish");
      assert.deepEqual(publish.parameters.filter, NEXT_OBJECT);
      offered.send({ kind: "requestOk", parameters: {}, properties: NONE });
      const requestId = viewer.nextId();
      const fill = { filter: { kind: "absolute", start: { group: 1, object: 2 } } } as const;
      offered.send({ kind: "requestUpdate", requestId, parameters: { fill } });
      await relay.pass(50);
      assert.deepEqual(filled(), [
        [publish.requestId, "2/0 a, 2/1 b", "fin"],
        [requestId, "1/2 c, 2/0 a, 2/1 b", "fin"],
      ]);
      assert.deepEqual(relay.defects, []);
    });

    it("a fetch may begin some groups before the end", async () => {
      const { viewer, relay } = await scene();
      const fetch = async (filter: Parameters["filter"]) => {
        const request = await viewer.request({
          kind: "fetch",
          of: named("live"),
          parameters: filter ? { filter } : {},
        });
        await relay.pass(50);
        return [kinds(request), viewer.streams.at(-1)?.objects.join(", ")];
      };
      assert.deepEqual(await fetch(CURRENT_GROUP), [["fetchOk"], "2/0 a, 2/1 b"]);
      const [refused] = await fetch(NEXT_OBJECT);
      assert.deepEqual(refused, ["requestError"]);
    });
  });
}
