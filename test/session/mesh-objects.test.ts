/** Objects between relays in moqmesh-2: what they carry arrives as it was sent. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FetchRange, type FetchWriter, LAST_OBJECT, type SubscribeOptions } from "../../moq/model/index.ts";
import { FetchRecorder, ObjectRecorder, sendSubgroup } from "../support/sent-objects.ts";
import { LIVE, TestPublisher, TestRelay, TRACK } from "./support.ts";

const PATH = "live/a";
const PROPERTIES = Uint8Array.of(1, 2, 255);

/** A publisher whose track has properties, and which keeps the fetches that reach it. */
class ObjectPublisher extends TestPublisher {
  readonly ranges: { readonly range: FetchRange; readonly writer: FetchWriter; cancelled: boolean }[] = [];

  override info(path: string, track: string, answer: Parameters<TestPublisher["info"]>[2]): () => void {
    return super.info(path, track, (info) => {
      answer(typeof info === "string" ? info : { ...info, properties: PROPERTIES });
    });
  }

  override fetch(_path: string, _track: string, range: FetchRange, _priority: number, writer: FetchWriter): () => void {
    const entry = { range, writer, cancelled: false };
    this.ranges.push(entry);
    return () => {
      entry.cancelled = true;
    };
  }
}

async function scene(versions = ["moqmesh-2", "moqmesh-2"]) {
  const relay = await TestRelay.start({ mesh: true });
  const publisher = new ObjectPublisher();
  const at = await relay.connect(versions[0]);
  at.broadcasts.publish(PATH, { epoch: 5n, hops: [], cost: 0, ended: false }, publisher);
  const viewer = await relay.connect(versions[1]);
  await relay.pass(100);
  return { relay, publisher, viewer };
}

type Scene = Awaited<ReturnType<typeof scene>>;

async function subscribed({ relay, publisher, viewer }: Scene, options: SubscribeOptions = LIVE) {
  const recorder = new ObjectRecorder();
  const upstream = viewer.session.source.subscribe(PATH, TRACK, options, recorder);
  await relay.pass(100);
  const [sink] = publisher.sinks;
  assert.ok(sink);
  return { recorder, sink, upstream };
}

function range(from: number, to: number, first = 0, last = LAST_OBJECT): FetchRange {
  return { start: { group: from, object: first }, end: { group: to, object: last } };
}

describe("objects over moqmesh-2", () => {
  it("arrive with subgroup, priority, id, timestamp, properties and status", async () => {
    const made = await scene();
    const { recorder, sink } = await subscribed(made);
    const fields = { group: 7, firstObject: true };
    sendSubgroup(sink, { ...fields, subgroup: 0, endsGroup: true }, [
      { id: 0, timestamp: 1000, payload: "zero", properties: "key" },
      { id: 1, timestamp: 1040, payload: "one", properties: "" },
      { id: 5, timestamp: 990, payload: "" },
      { id: 6, status: "end_of_group", properties: "bye" },
    ]);
    sendSubgroup(sink, { ...fields, subgroup: 9, priority: 200, endsGroup: false }, [
      { id: 2, timestamp: 1020, payload: "two" },
      { id: 3, timestamp: 1021, payload: "x".repeat(100_000), properties: "p".repeat(300) },
    ]);
    await made.relay.pass(500);
    assert.deepEqual(recorder.sorted, [
      "7:0 begins last",
      "7:0 finished",
      "7:0/0{key}@1000=zero",
      "7:0/1{}@1040=one",
      "7:0/5@990=",
      "7:0/6{bye} end_of_group",
      "7:9!200 begins",
      "7:9!200 finished",
      "7:9!200/2@1020=two",
      `7:9!200/3{${"p".repeat(300)}}@1021=${"x".repeat(100_000)}`,
    ]);
    assert.deepEqual(made.relay.defects, []);
  });

  it("arrive likewise for a viewer that comes late", async () => {
    const made = await scene();
    const { sink } = await subscribed(made);
    const objects = [
      { id: 3, timestamp: 5, payload: "three", properties: "p" },
      { id: 9, timestamp: 6, payload: "nine" },
    ];
    sendSubgroup(sink, { group: 7, subgroup: 4, priority: 1, firstObject: true, endsGroup: false }, objects, false);
    await made.relay.pass(100);
    const late = new ObjectRecorder();
    made.viewer.session.source.subscribe(PATH, TRACK, LIVE, late);
    await made.relay.pass(200);
    assert.deepEqual(late.lines, ["7:4!1 begins", "7:4!1/3{p}@5=three", "7:4!1/9@6=nine"]);
    assert.deepEqual(late.infos.at(-1)?.largest, { group: 7, object: 9 });
  });

  it("arrive in datagrams", async () => {
    const made = await scene();
    const { recorder, sink } = await subscribed(made);
    const datagram = { group: 3, object: 4, timestamp: 70, endsGroup: false };
    sink.datagram({ ...datagram, properties: Buffer.from("p"), priority: 3, payload: Buffer.from("data") });
    sink.datagram({ ...datagram, object: 5, properties: undefined, endsGroup: true, payload: Buffer.from("more") });
    const status = { status: "end_of_track", payload: new Uint8Array(0), properties: undefined } as const;
    sink.datagram({ ...datagram, object: 6, ...status });
    await made.relay.pass(100);
    assert.deepEqual(recorder.lines, [
      "datagram 3/4!3{p}@70 data",
      "datagram 3/5@70 last more",
      "datagram 3/6@70 end_of_track",
    ]);
  });

  it("come with the properties of their track", async () => {
    const made = await scene();
    const { recorder } = await subscribed(made);
    assert.deepEqual(recorder.infos[0]?.info.properties, PROPERTIES);
    const asked: unknown[] = [];
    made.viewer.session.source.info(PATH, TRACK, (info) =>
      asked.push(typeof info === "string" ? info : info.properties),
    );
    await made.relay.pass(100);
    assert.deepEqual(asked, [PROPERTIES]);
  });

  it("reach a peer of moqmesh-1 as frames of whole groups", async () => {
    const made = await scene(["moqmesh-2", "moqmesh-1"]);
    const { recorder, sink } = await subscribed(made);
    const fields = { group: 7, firstObject: true, endsGroup: false };
    const base = sendSubgroup(sink, { ...fields, subgroup: 0 }, [{ id: 0, payload: "a", properties: "p" }], false);
    sendSubgroup(sink, { ...fields, subgroup: 1 }, [{ id: 1, timestamp: 9, payload: "b" }]);
    base.status("end_of_group", 2);
    base.finish();
    await made.relay.pass(200);
    assert.deepEqual(recorder.lines, ["7:0 begins last", "7:0/0@0=a", "7:0/1@9=b", "7:0 finished"]);
  });

  it("come from a peer of moqmesh-1 as the one subgroup of their group", async () => {
    const made = await scene(["moqmesh-1", "moqmesh-2"]);
    const { recorder, sink } = await subscribed(made);
    sendSubgroup(sink, { group: 7, subgroup: 0, firstObject: true, endsGroup: true }, [
      { id: 0, timestamp: 3, payload: "a" },
      { id: 1, timestamp: 4, payload: "b" },
    ]);
    await made.relay.pass(200);
    assert.deepEqual(recorder.lines, ["7:0 begins last", "7:0/0@3=a", "7:0/1@4=b", "7:0 finished"]);
  });
});

describe("a fetch over moqmesh-2", () => {
  it("brings a range of objects with all that they carry, and its gaps", async () => {
    const { relay, publisher, viewer } = await scene();
    const recorder = new FetchRecorder();
    viewer.session.source.fetch(PATH, TRACK, range(3, 9, 2, 5), 0, recorder);
    await relay.pass(100);
    const [asked] = publisher.ranges;
    assert.deepEqual(asked?.range, range(3, 9, 2, 5));
    const none = { subgroup: 0, priority: undefined, status: undefined, timestamp: 0, properties: undefined };
    const give = (object: Parameters<FetchWriter["object"]>[0], payload = "") => {
      asked?.writer.object({ ...object, size: payload.length });
      if (object.status !== undefined) return;
      asked?.writer.payload(Buffer.from(payload));
      asked?.writer.end();
    };
    give({ ...none, group: 3, object: 2, size: 0, timestamp: 40, properties: Buffer.from("p") }, "first");
    give({ ...none, group: 3, object: 7, size: 0, subgroup: 4, priority: 9 }, "x".repeat(50_000));
    give({ ...none, group: 3, object: 8, size: 0, status: "end_of_group" });
    asked?.writer.gap("timed_out", { group: 5, object: LAST_OBJECT });
    give({ ...none, group: 6, object: 0, size: 0, subgroup: undefined, timestamp: 41 }, "datagram");
    asked?.writer.gap("nonexistent", { group: 9, object: 5 });
    asked?.writer.finish();
    await relay.pass(500);
    assert.deepEqual(recorder.lines, [
      "3:0/2{p}@40=first",
      `3:4!9/7@0=${"x".repeat(50_000)}`,
      "3:4!9/8 end_of_group".replace(":4!9", ":0"),
      "timed_out to 5/end",
      "6:datagram/0@41=datagram",
      "nonexistent to 9/5",
      "finished",
    ]);
    assert.deepEqual(relay.defects, []);
  });

  it("is answered from the cache, and asks the publisher once for what several peers miss", async () => {
    const made = await scene();
    const { sink } = await subscribed(made);
    sendSubgroup(sink, { group: 2, subgroup: 0, firstObject: true, endsGroup: true }, [{ id: 0, payload: "two" }]);
    await made.relay.pass(100);
    const recorders = [new FetchRecorder(), new FetchRecorder()];
    for (const one of recorders) made.viewer.session.source.fetch(PATH, TRACK, range(1, 2), 0, one);
    await made.relay.pass(100);
    const { ranges } = made.publisher;
    assert.deepEqual(
      ranges.map((one) => one.range),
      [range(1, 1)],
    );
    ranges[0]?.writer.object({
      group: 1,
      object: 0,
      subgroup: 0,
      priority: undefined,
      size: 1,
      status: undefined,
      timestamp: 0,
      properties: undefined,
    });
    ranges[0]?.writer.payload(Buffer.from("1"));
    ranges[0]?.writer.end();
    ranges[0]?.writer.finish();
    await made.relay.pass(100);
    for (const one of recorders) assert.deepEqual(one.lines, ["1:0/0@0=1", "2:0/0@0=two", "finished"]);
  });

  it("is cancelled at the publisher when its peer gives it up, and refused where the publisher refuses", async () => {
    const { relay, publisher, viewer } = await scene();
    const cancel = viewer.session.source.fetch(PATH, TRACK, range(1, 2), 0, new FetchRecorder());
    await relay.pass(100);
    cancel();
    await relay.pass(100);
    assert.equal(publisher.ranges[0]?.cancelled, true);
    const refused = new FetchRecorder();
    viewer.session.source.fetch(PATH, TRACK, range(5, 6), 0, refused);
    await relay.pass(100);
    publisher.ranges[1]?.writer.reset("not_found");
    await relay.pass(100);
    assert.deepEqual(refused.lines, ["reset not_found"]);
  });

  it("of several groups is asked group by group at a peer that can fetch one at a time", async () => {
    const { relay, publisher, viewer } = await scene(["moqmesh-1", "moqmesh-2"]);
    const recorder = new FetchRecorder();
    viewer.session.source.fetch(PATH, TRACK, range(1, 3, 1, 0), 0, recorder);
    for (const [group, objects] of [
      [1, 2],
      [2, 0],
      [3, 2],
    ] as const) {
      await relay.pass(100);
      const asked = publisher.ranges.at(-1);
      assert.deepEqual(asked?.range, range(group, group));
      for (let object = 0; object < objects; object++) {
        const none = { subgroup: 0, priority: undefined, status: undefined, timestamp: 0, properties: undefined };
        asked?.writer.object({ ...none, group, object, size: 1 });
        asked?.writer.payload(Buffer.from(`${object}`));
        asked?.writer.end();
      }
      if (objects === 0) asked?.writer.reset("not_found");
      else asked?.writer.finish();
    }
    await relay.pass(200);
    assert.deepEqual(recorder.lines, ["1:0/1@0=1", "unknown to 2/end", "3:0/0@0=0", "finished"]);
  });
});
