/** Range filters of moq-transport, which drafts have since 19: what of a track a viewer gets, and what is refused. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  encodeObjectDatagram,
  encodeObjectHeader,
  encodeTrackProperties,
  FILTER_RANGES,
  type Parameters,
  type RangeFilter,
} from "../../moq/wire/ietf/index.ts";
import { MoqtPeer, named, type RequestStream } from "./ietf-peer.ts";
import { STREAMED_VERSIONS, TestRelay } from "./support.ts";

const NONE = new Uint8Array(0);
const ALIAS = 7;
/** An application's property. */
const LAYER = 0x78;

const kinds = ({ messages }: RequestStream) => messages.map(({ kind }) => kind);

const errors = ({ messages }: RequestStream) =>
  messages.flatMap((message) => (message.kind === "requestError" ? [message.code] : []));

function filter(field: RangeFilter["field"], ...ranges: (readonly [number, number?])[]): RangeFilter {
  const list = ranges.map(([start, end]) => (end === undefined ? { start } : { start, end }));
  return { field, set: 0, ...(field.endsWith("property") ? { property: LAYER } : {}), ranges: list };
}

/** An object of a publisher: its id, its payload, and the value of {@link LAYER}. */
type Sent = readonly [id: number, payload: string, layer?: number];

for (const version of STREAMED_VERSIONS.filter((one) => one !== "moqt-18")) {
  describe(`range filters of ${version}`, () => {
    /** A publisher whose track a viewer subscribes to. */
    async function scene(rangeFilters: readonly RangeFilter[], parameters: Parameters = {}, options = {}) {
      const relay = await TestRelay.start(options);
      const publisher = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      const push = { kind: "publish", ...named("live"), alias: ALIAS, parameters: {}, properties: NONE } as const;
      await publisher.request(push);
      const subscribe = async (more: Parameters) =>
        await viewer.request({ kind: "subscribe", ...named("live"), parameters: more });
      const subscription = await subscribe({ ...parameters, rangeFilters });
      const update = async (more: Parameters) => {
        subscription.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: more });
        await relay.pass(50);
      };
      const begin = (header: { group: number; subgroup?: number; priority?: number; endsGroup?: boolean }) => {
        const stream = publisher.subgroup({ trackAlias: ALIAS, ...header });
        let last = -1;
        const object = async ([id, payload, layer]: Sent) => {
          const properties = layer === undefined ? NONE : Uint8Array.of(LAYER, layer);
          stream.write(
            encodeObjectHeader(publisher.caps, payload.length, id - last - 1, properties, undefined, undefined).slice(),
          );
          stream.write(Buffer.from(payload));
          last = id;
          await relay.pass(20);
        };
        const finish = async () => {
          stream.finish();
          await relay.pass(20);
        };
        return { object, finish };
      };
      const send = async (header: Parameters0, ...objects: Sent[]) => {
        const stream = begin(header);
        for (const one of objects) await stream.object(one);
        await stream.finish();
      };
      const got = () => viewer.streams.map(({ header, objects, end }) => [header?.subgroup, objects.join(", "), end]);
      return { relay, publisher, viewer, subscription, subscribe, update, begin, send, got };
    }
    type Parameters0 = { group: number; subgroup?: number; priority?: number; endsGroup?: boolean };

    it("SETUP says how many ranges a request may have", async () => {
      const { viewer } = await scene([]);
      const [setup] = viewer.control;
      assert.ok(setup?.kind === "setup");
      assert.equal(setup.maxFilterRanges, FILTER_RANGES);
    });

    it("a subgroup that does not match is never opened, and one that matches is sent as it is", async () => {
      const { relay, send, got } = await scene([filter("subgroup", [0, 1], [4])]);
      for (const subgroup of [0, 1, 2, 3, 4, 9]) await send({ group: 0, subgroup }, [0, "a"], [1, "b"]);
      assert.deepEqual(
        got(),
        [0, 1, 4, 9].map((subgroup) => [subgroup, "0/0 a, 0/1 b", "fin"]),
      );
      assert.equal(relay.counters.bytesOut, 8);
      assert.deepEqual(relay.defects, []);
    });

    it("priorities are the publisher's, lower first, and those of the track where a subgroup has none", async () => {
      const { send, got } = await scene([filter("priority", [0, 9], [128, 128])]);
      await send({ group: 0, subgroup: 0, priority: 9 }, [0, "a"]);
      await send({ group: 0, subgroup: 1, priority: 10 }, [1, "b"]);
      await send({ group: 0, subgroup: 2 }, [2, "c"]);
      assert.deepEqual(got(), [
        [0, "0/0 a", "fin"],
        [2, "0/2 c", "fin"],
      ]);
    });

    it("objects are judged one by one, and a stream begins with the first that matches", async () => {
      const { relay, viewer, send, got } = await scene([filter("object", [1, 2], [4, 4])]);
      await send(
        { group: 0, subgroup: 0, endsGroup: true },
        [0, "a"],
        [1, "b"],
        [2, "c"],
        [3, "d"],
        [4, "e"],
        [5, "f"],
      );
      await send({ group: 1, subgroup: 0 }, [0, "a"], [3, "b"]);
      await send({ group: 2, subgroup: 0 }, [2, ""], [7, "b"]);
      assert.deepEqual(got(), [
        [0, "0/1 b, 0/2 c, 0/4 e", "fin"],
        [0, "2/2 ", "fin"],
      ]);
      // Its first object, and perhaps the last of the group, were left out.
      const headers = viewer.streams.map(({ header }) => [header?.firstObject, header?.endsGroup]);
      assert.deepEqual(headers, [
        [false, false],
        [true, false],
      ]);
      assert.equal(relay.counters.bytesOut, 3);
      assert.deepEqual(relay.defects, []);
    });

    it("an object that matches is passed on while it arrives", async () => {
      const { relay, publisher, viewer } = await scene([filter("object", [0, 0])]);
      const stream = publisher.subgroup({ trackAlias: ALIAS, group: 0 });
      stream.write(encodeObjectHeader(publisher.caps, 4, 0, NONE, undefined, undefined).slice());
      stream.write(Buffer.from("ab"));
      await relay.pass(50);
      assert.deepEqual(
        viewer.streams.map(({ objects }) => objects),
        [[]],
      );
      assert.equal(relay.counters.bytesOut, 2);
      stream.write(Buffer.from("cd"));
      await relay.pass(50);
      assert.deepEqual(viewer.streams[0]?.objects, ["0/0 abcd"]);
    });

    it("properties of objects are compared, also immutable ones", async () => {
      const { begin, publisher, relay, send, got } = await scene([filter("object_property", [2, 3])]);
      await send({ group: 0 }, [0, "a", 1], [1, "b", 2], [2, "c", 3], [3, "d"], [4, "e", 4]);
      const stream = publisher.subgroup({ trackAlias: ALIAS, group: 1 });
      // IMMUTABLE PROPERTIES of two bytes: LAYER 3.
      const immutable = Uint8Array.of(0x0b, 2, LAYER, 3);
      stream.write(encodeObjectHeader(publisher.caps, 1, 0, immutable, undefined, undefined).slice());
      stream.write(Buffer.from("f"));
      stream.finish();
      await relay.pass(50);
      await begin({ group: 2 }).object([0, "g", 9]);
      assert.deepEqual(got(), [
        [0, "0/1 b, 0/2 c", "fin"],
        [0, "1/0 f", "fin"],
      ]);
    });

    it("filters of a set must all match, and one set must", async () => {
      const second = { ...filter("object", [5, 5]), set: 9 };
      const { send, got } = await scene([filter("subgroup", [1, 1]), filter("object", [0, 0]), second]);
      await send({ group: 0, subgroup: 0 }, [0, "a"], [5, "b"]);
      await send({ group: 0, subgroup: 1 }, [0, "c"], [1, "d"], [5, "e"]);
      assert.deepEqual(got(), [
        [0, "0/5 b", "fin"],
        [1, "0/0 c, 0/5 e", "fin"],
      ]);
    });

    it("one that joins late gets what matches of what is there, and then of what comes", async () => {
      const { viewer, begin, subscribe } = await scene([]);
      const stream = begin({ group: 0 });
      for (const id of [0, 1, 2, 3]) await stream.object([id, `${id}`]);
      const late = await subscribe({ rangeFilters: [filter("object", [1, 1], [3, 4])] });
      for (const id of [4, 5]) await stream.object([id, `${id}`]);
      await stream.finish();
      const [ok] = late.messages;
      assert.ok(ok?.kind === "subscribeOk");
      const mine = viewer.streams.filter(({ header }) => header?.trackAlias === ok.alias);
      assert.deepEqual(
        mine.map(({ objects, end }) => [objects, end]),
        [[["0/1 1", "0/3 3", "0/4 4"], "fin"]],
      );
    });

    it("a long run that is there is judged in several turns, whatever comes meanwhile", async () => {
      const { relay, viewer, begin, subscribe } = await scene([]);
      const stream = begin({ group: 0 });
      for (let id = 0; id < 700; id++) await stream.object([id, "x"]);
      await subscribe({ rangeFilters: [filter("object", [600, 602], [699])] });
      await stream.object([700, "y"]);
      await relay.pass(100);
      const late = viewer.streams.at(-1);
      assert.deepEqual(late?.objects, ["0/600 x", "0/601 x", "0/602 x", "0/699 x", "0/700 y"]);
      await stream.finish();
      assert.equal(late?.end, "fin");
    });

    it("objects of a group that is too large to be kept are judged as they come", async () => {
      const model = { framesPerGroup: 2 };
      const { viewer, begin, subscribe, got } = await scene([filter("object", [1, 1], [4, 5])], {}, { model });
      const other = await subscribe({});
      const stream = begin({ group: 0 });
      for (const id of [0, 1, 2, 3, 4, 5, 6]) await stream.object([id, `${id}`, 9]);
      await stream.finish();
      const [ok] = other.messages;
      assert.ok(ok?.kind === "subscribeOk");
      const all = viewer.streams.find(({ header }) => header?.trackAlias === ok.alias);
      assert.equal(all?.objects.length, 7);
      assert.deepEqual(
        got().filter(([, objects]) => objects !== all?.objects.join(", ")),
        [[0, "0/1 1, 0/4 4, 0/5 5", "fin"]],
      );
    });

    it("a subgroup that its publisher resets is reset for those that had some of it", async () => {
      const { relay, publisher, got } = await scene([filter("object", [0, 0])]);
      const streams = [0, 1].map((subgroup) => publisher.subgroup({ trackAlias: ALIAS, group: 0, subgroup }));
      for (const [id, stream] of streams.entries()) {
        stream.write(encodeObjectHeader(publisher.caps, 1, id, NONE, undefined, undefined).slice());
        stream.write(Buffer.from("a"));
      }
      await relay.pass(50);
      for (const stream of streams) stream.reset(1);
      await relay.pass(50);
      const [[subgroup, objects, end] = []] = got();
      assert.deepEqual([subgroup, objects, got().length], [0, "0/0 a", 1]);
      assert.match(String(end), /^reset/);
      assert.deepEqual(relay.defects, []);
    });

    it("goes together with a location filter", async () => {
      const range = { kind: "absolute", start: { group: 1, object: 2 }, end: { group: 1, object: 5 } } as const;
      const { send, got } = await scene([filter("object", [0, 3], [5])], { filter: range });
      const ids = [0, 1, 2, 3, 4, 5, 6];
      for (const group of [0, 1, 2]) await send({ group }, ...ids.map((id): Sent => [id, `${id}`]));
      assert.deepEqual(got(), [[0, "1/2 2, 1/3 3, 1/5 5", "fin"]]);
    });

    it("datagrams have no subgroup to match, but ids and priorities", async () => {
      const { relay, publisher, viewer, subscribe } = await scene([filter("object", [1, 1])]);
      await subscribe({ rangeFilters: [filter("subgroup", [0])] });
      for (const object of [0, 1, 2]) {
        const datagram = { trackAlias: ALIAS, group: 0, object, timestamp: undefined, properties: NONE };
        const bytes = encodeObjectDatagram(
          { ...datagram, endsGroup: false, payload: Buffer.from("x") },
          publisher.caps,
        );
        assert.ok(bytes && publisher.link.sendDatagram(bytes));
      }
      await relay.pass(50);
      assert.equal(relay.counters.datagramsOut, 1);
      assert.deepEqual([viewer.streams, relay.defects], [[], []]);
    });

    it("an update replaces the filters of the kinds that it has, for what comes from then on", async () => {
      const { subscription, begin, update, got } = await scene([filter("subgroup", [0, 1])]);
      const streams = [0, 1, 2].map((subgroup) => begin({ group: 0, subgroup }));
      const round = async (from: number) => {
        for (const [at, stream] of streams.entries()) await stream.object([from + at, "x"]);
      };
      await round(0);
      await update({ rangeFilters: [filter("subgroup", [1, 2])] });
      await round(10);
      await update({ rangeFilters: [filter("object", [21, 21])] });
      await round(20);
      await update({
        rangeFilters: [
          { field: "subgroup", ranges: [] },
          { field: "object", ranges: [] },
        ],
      });
      await round(30);
      for (const stream of streams) await stream.finish();
      const cancelled = "reset 1";
      assert.deepEqual(got(), [
        [0, "0/0 x", cancelled],
        [1, "0/1 x, 0/11 x", cancelled],
        [2, "0/12 x, 0/32 x", "fin"],
        [1, "0/21 x, 0/31 x", "fin"],
        [0, "0/30 x", "fin"],
      ]);
      assert.deepEqual(kinds(subscription), ["subscribeOk", "requestOk", "requestOk", "requestOk"]);
    });

    it("with a filter the same subscription may be paused and go on", async () => {
      const { begin, update, got } = await scene([filter("object", [0, 2])]);
      const stream = begin({ group: 0 });
      await stream.object([0, "a"]);
      await update({ forward: false });
      await stream.object([1, "b"]);
      await update({ forward: true });
      await stream.object([2, "c"]);
      await stream.object([3, "d"]);
      await stream.finish();
      assert.deepEqual(got(), [
        [0, "0/0 a", "reset 1"],
        [0, "0/2 c", "fin"],
      ]);
    });

    it("a filter that is not valid is INVALID_FILTER, and in an update ends the subscription with UPDATE_FAILED", async () => {
      const { relay, viewer, subscription, subscribe, update } = await scene([filter("object", [0, 3])]);
      const many = Array.from({ length: FILTER_RANGES + 1 }, (_, at) => [at * 3, at * 3 + 1] as const);
      assert.deepEqual(errors(await subscribe({ rangeFilters: [filter("object", ...many)] })), [0x36]);
      assert.deepEqual(
        errors(await subscribe({ rangeFilters: [filter("subgroup", [0]), filter("subgroup", [1])] })),
        [0x36],
      );
      // Together with the range of the request they are too many.
      await update({ rangeFilters: [filter("subgroup", ...many.slice(1))] });
      await relay.pass(50);
      assert.deepEqual(errors(subscription), [0x36]);
      const done = subscription.messages.at(-1);
      assert.ok(done?.kind === "publishDone");
      assert.equal(done.code, 0x8);
      assert.deepEqual([viewer.end, relay.defects], ["", []]);
    });

    it("a fetch leaves out what does not match", async () => {
      const { relay, viewer, send } = await scene([]);
      for (const subgroup of [0, 1]) await send({ group: 0, subgroup }, [subgroup, "a"], [2 + subgroup, "b", 5]);
      await send({ group: 1 }, [0, "c", 5]);
      const fetch = async (...rangeFilters: RangeFilter[]) => {
        const request = await viewer.request({
          kind: "fetch",
          ...named("live"),
          of: named("live"),
          parameters: { rangeFilters },
        });
        await relay.pass(100);
        return [kinds(request), viewer.streams.at(-1)?.objects];
      };
      assert.deepEqual(await fetch(filter("subgroup", [1, 1])), [["fetchOk"], ["0/1 a", "0/3 b"]]);
      assert.deepEqual(await fetch(filter("object_property", [5])), [["fetchOk"], ["0/2 b", "0/3 b", "1/0 c"]]);
      assert.deepEqual(await fetch(filter("priority", [0, 5])), [["fetchOk"], []]);
      assert.deepEqual(relay.defects, []);
    });

    it("SUBSCRIBE_TRACKS filters tracks by their properties, and their objects", async () => {
      const relay = await TestRelay.start();
      const publisher = await MoqtPeer.connect(relay, version);
      const viewer = await MoqtPeer.connect(relay, version);
      // DEFAULT_PUBLISHER_PRIORITY 3 and 4.
      for (const [track, priority] of [
        ["audio", 3],
        ["video", 4],
      ] as const) {
        const properties = encodeTrackProperties({ priority });
        await publisher.request({
          kind: "publish",
          ...named("live", track),
          alias: priority,
          parameters: {},
          properties,
        });
      }
      const byPriority = (value: number): RangeFilter => ({
        field: "track_property",
        set: 0,
        property: 0x0e,
        ranges: [{ start: value, end: value }],
      });
      const parameters = {
        rangeFilters: [byPriority(3), filter("object", [1, 1])],
        priority: 9,
        groupOrder: "descending",
      } as const;
      const watch = await viewer.request({ kind: "subscribeTracks", ...named("live"), parameters });
      await relay.pass(100);
      const offers = () =>
        viewer.requests.flatMap(({ messages: [first] }) => (first?.kind === "publish" ? [first] : []));
      assert.deepEqual(
        offers().map(({ name, parameters: { priority, groupOrder } }) => [
          Buffer.from(name).toString(),
          priority,
          groupOrder,
        ]),
        [["audio", 9, "descending"]],
      );
      publisher.subgroup({ trackAlias: 3, group: 0 }, "a", "b").finish();
      await relay.pass(50);
      assert.deepEqual(
        viewer.streams.map(({ objects }) => objects),
        [["0/1 b"]],
      );
      watch.send({ kind: "requestUpdate", requestId: viewer.nextId(), parameters: { rangeFilters: [byPriority(4)] } });
      await relay.pass(100);
      assert.deepEqual([kinds(watch), offers().length], [["requestOk", "requestOk"], 2]);
      watch.send({
        kind: "requestUpdate",
        requestId: viewer.nextId(),
        parameters: { rangeFilters: [byPriority(4), byPriority(5)] },
      });
      await relay.pass(100);
      assert.deepEqual([errors(watch), watch.events, viewer.end], [[0x36], ["fin"], ""]);
      assert.deepEqual(relay.defects, []);
    });
  });
}
