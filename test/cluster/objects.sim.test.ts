/** Objects of a publisher at an origin, over a regional, to an edge: what they carry arrives as it was sent. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { World } from "../../lab/sim/world.ts";
import {
  type Channel,
  type DatagramObject,
  LAST_OBJECT,
  type Location,
  type OutStream,
  type SubgroupStart,
  type Subscriber,
  type TrackInfo,
} from "../../moq/model/index.ts";
import { channel, FakeStream } from "../model/support.ts";
import { LIVE, TestPublisher, TRACK } from "../session/support.ts";
import { FetchRecorder, sendObjects, sendSubgroup } from "../support/sent-objects.ts";

const PATH = "live/a";
const ORIGIN = "o1";
const EDGE = "e1";

/** Writes all that an object has as text. */
const LINES: Channel = {
  ...channel("lines"),
  dialect: {
    name: "lines",
    subgroups: true,
    objectHeader: (size, delta, idDelta, properties, status) => {
      const more = properties === undefined ? "" : `{${Buffer.from(properties)}}`;
      return Buffer.from(`[+${idDelta}@${delta}${more}${status === undefined ? "" : ` ${status}`}:${size}]`);
    },
    resetCode: () => 0,
  },
};

/** A viewer inside a relay, as sessions that take subgroups are. */
class ObjectViewer implements Subscriber {
  readonly channel = LINES;
  readonly promisesStart = false;
  readonly ownNumbers = true;
  readonly streams: { readonly start: SubgroupStart; readonly stream: FakeStream }[] = [];
  readonly datagrams: string[] = [];
  info: TrackInfo | undefined;
  largest: Location | undefined;

  accepted(info: TrackInfo, largest: Location | undefined): void {
    this.info = info;
    this.largest = largest;
  }

  open(start: SubgroupStart, priority: number): OutStream {
    const stream = new FakeStream(start.group, priority, false);
    this.streams.push({ start, stream });
    return stream;
  }

  datagram({ group, object, timestamp, priority, status, endsGroup, payload, properties }: DatagramObject): void {
    const more = properties === undefined ? "" : `{${Buffer.from(properties)}}`;
    const fields = [group, object, timestamp, priority, status, endsGroup];
    this.datagrams.push(`${fields.join(" ")}${more}${Buffer.from(payload)}`);
  }

  started(): void {}
  dropped(): void {}
  ended(): void {}
  closed(): void {}

  /** What came on each stream, sorted: subgroups may overtake one another. */
  get lines(): string[] {
    return this.streams.map(({ start, stream }) => `${textOf(start)} ${stream.state} ${stream.text}`).toSorted();
  }
}

function textOf({ group, subgroup, priority, firstObject, endsGroup }: SubgroupStart): string {
  return `${group}:${subgroup}!${priority} ${firstObject ? "first" : "later"} ${endsGroup ? "last" : "open"}`;
}

/** A root, an origin, a regional and an edge, a publisher at the origin, and viewers at both ends. */
async function scene(meshProtocols?: (node: string) => readonly string[]) {
  const world = new World(["root"], () => 0.5, meshProtocols === undefined ? {} : { meshProtocols });
  await world.start("root", "root");
  await world.start(ORIGIN, "origin");
  await world.start("r1", "regional");
  await world.start(EDGE, "edge");
  await world.pass(1_000);
  const publisher = new TestPublisher();
  const advertisement = { epoch: 77n, hops: [9_999n], cost: 0, ended: false };
  world.relay(ORIGIN).broadcasts.publish(PATH, advertisement, publisher);
  await world.pass(500);
  const view = (node: string) => {
    const viewer = new ObjectViewer();
    world.relay(node).broadcasts.subscribe(PATH, TRACK, LIVE, viewer);
    return viewer;
  };
  const [near, far] = [view(ORIGIN), view(EDGE)];
  await world.pass(1_000);
  const [sink] = publisher.sinks;
  assert.ok(sink, "the track is subscribed to once");
  return { world, publisher, sink, near, far, view };
}

type Scene = Awaited<ReturnType<typeof scene>>;

/** A group of two subgroups whose objects are neither consecutive nor alike. */
function sendLayers({ sink }: Scene, group: number): void {
  const fields = { group, firstObject: true };
  const first = [
    { id: 0, timestamp: 1000, payload: "key frame", properties: "a" },
    { id: 1, timestamp: 1033, payload: "", properties: "" },
  ];
  const base = sendSubgroup(sink, { ...fields, subgroup: 0, endsGroup: true }, first, false);
  const layer = sendSubgroup(
    sink,
    { ...fields, subgroup: 7, priority: 1, endsGroup: false },
    [{ id: 2, timestamp: 1001, payload: "two".repeat(9), properties: "p".repeat(200) }],
    false,
  );
  sendObjects(layer, [{ id: 3, timestamp: 1002, payload: "three" }]);
  layer.finish();
  sendObjects(base, [
    { id: 4, timestamp: 1010, payload: "four" },
    { id: 5, status: "end_of_group", properties: "end" },
  ]);
  base.finish();
}

describe("objects over origin, regional and edge", () => {
  it("are the same at the edge as at the origin: ids, properties, statuses, subgroups, priorities, datagrams", async () => {
    const made = await scene();
    const { world, sink, near, far, view } = made;
    sendLayers(made, 12);
    await world.pass(1_000);
    assert.equal(near.lines.length, 2);
    assert.match(near.lines[0] ?? "", /key frame.*end_of_group/);
    assert.deepEqual(far.lines, near.lines);
    const late = view(EDGE);
    await world.pass(500);
    assert.deepEqual(late.lines, near.lines, "and for a viewer that comes late");
    assert.deepEqual(late.largest, { group: 12, object: 5 });
    sink.datagram({
      group: 13,
      object: 4,
      timestamp: 1_050,
      properties: Buffer.from("dp"),
      priority: 9,
      endsGroup: false,
      payload: Buffer.from("datagram"),
    });
    await world.pass(500);
    assert.equal(far.datagrams.length, 1);
    assert.deepEqual(far.datagrams, near.datagrams);
    assert.deepEqual(world.defects, []);
  });

  it("are fetched with the same, from the edge's cache, and what it lacks once from the origin", async () => {
    const made = await scene();
    const { world } = made;
    for (const group of [12, 13]) sendLayers(made, group);
    await world.pass(1_000);
    const fetchAt = (node: string, from: number) => {
      const recorder = new FetchRecorder();
      const range = { start: { group: from, object: 1 }, end: { group: 13, object: LAST_OBJECT } };
      const where = { path: PATH, track: TRACK, priority: 0, range, ownNumbers: true };
      world.relay(node).broadcasts.fetchRange(where, recorder, () => {});
      return recorder;
    };
    const [near, far] = [fetchAt(ORIGIN, 12), fetchAt(EDGE, 12)];
    await world.pass(500);
    assert.equal(near.lines.length, 12, near.lines.join("\n"));
    assert.deepEqual(far.lines, near.lines);
    world.relay(EDGE).broadcasts.purge(PATH);
    const before = world.relay("r1").counters.fetchHits;
    const again = [fetchAt(EDGE, 12), fetchAt(EDGE, 12)];
    await world.pass(1_000);
    for (const one of again) assert.deepEqual(one.lines, near.lines);
    assert.equal(world.relay("r1").counters.fetchHits - before, 2, "the regional was asked once, for two groups");
  });

  it("pass a relay of the earlier wire as frames of whole groups, in both directions of an upgrade", async () => {
    for (const old of [["r1"], [ORIGIN, EDGE], ["r1", EDGE], [ORIGIN, "root"]]) {
      const made = await scene((node) => (old.includes(node) ? ["moqmesh-1"] : ["moqmesh-2", "moqmesh-1"]));
      const { world, near, far, sink } = made;
      sendLayers(made, 12);
      sendSubgroup(sink, { group: 13, subgroup: 0, firstObject: true, endsGroup: true }, [
        { id: 0, timestamp: 1, payload: "next" },
      ]);
      await world.pass(2_000);
      assert.equal(near.lines.length, 3);
      const payloads = far.lines.map((line) => line.replaceAll(/^.*?finished |\[.*?\]/g, ""));
      const wholeLink = !(old.includes("r1") || old.includes(EDGE));
      if (wholeLink) assert.equal(far.lines.length, 2, old.join());
      assert.deepEqual(payloads, [`key frame${"two".repeat(9)}threefour`, "next"], old.join());
      assert.deepEqual(world.defects, []);
    }
  });
});
