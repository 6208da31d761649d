/** Subscriptions of moq-lite 06 that begin or end inside a group (moq-lite Positions). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LAST_OBJECT, type SubgroupWriter, type SubscribeOptions } from "../../moq/model/index.ts";
import { ObjectSink } from "../support/objects.ts";
import { type TestPublisher, TestRelay, TRACK, write } from "./support.ts";

const VERSION = "moq-lite-06";
const LATE: SubscribeOptions = { priority: 1, ordered: false, maxLatency: 60_000 };

/** The ids and payloads that a viewer got, by group. */
function got({ objects }: ObjectSink): Record<number, string> {
  const lines = [...objects].map(([group, all]) => [group, all.map(({ id, payload }) => `${id}${payload}`).join(" ")]);
  return Object.fromEntries(lines);
}

async function scene(publishedIn = VERSION) {
  const relay = await TestRelay.start();
  const broadcast = (await relay.connect(publishedIn)).publish("live/a");
  await relay.pass(300);
  const client = await relay.connect(VERSION);
  const watch = async (options: Partial<SubscribeOptions>) => {
    const sink = new ObjectSink();
    const upstream = client.session.source.subscribe("live/a", TRACK, { ...LATE, ...options }, sink);
    await relay.pass(100);
    return { sink, upstream };
  };
  return { relay, broadcast, watch };
}

/** Begins a group with some frames. */
function begin(broadcast: TestPublisher, sequence: number, frames: string): SubgroupWriter[] {
  const writers = broadcast.open(sequence);
  for (const frame of frames) for (const writer of writers) write(writer, Buffer.from(frame), sequence * 1000);
  return writers;
}

for (const publishedIn of [VERSION, "moq-lite-05", "moq-lite-03"]) {
  describe(`frames of a group that is published in ${publishedIn}`, () => {
    it("are sent from the one asked for, also where they come later, and the next group whole", async () => {
      const { relay, broadcast, watch } = await scene(publishedIn);
      await watch({});
      const open = begin(broadcast, 4, "ab");
      await relay.pass(100);
      const [inside, later] = [await watch({ start: 4, startObject: 1 }), await watch({ start: 4, startObject: 3 })];
      for (const frame of "cde") for (const writer of open) write(writer, Buffer.from(frame), 4000);
      for (const writer of open) writer.finish();
      for (const writer of begin(broadcast, 5, "xy")) writer.finish();
      await relay.pass(200);
      assert.deepEqual(got(inside.sink), { 4: "1b 2c 3d 4e", 5: "0x 1y" });
      assert.deepEqual(got(later.sink), { 4: "3d 4e", 5: "0x 1y" });
      assert.deepEqual(relay.defects, []);
    });

    it("are sent up to the one asked for, and the subscription ends there", async () => {
      const { relay, broadcast, watch } = await scene(publishedIn);
      await watch({});
      const { sink } = await watch({ start: 4, end: 5, endObject: 1 });
      for (const writer of begin(broadcast, 4, "ab")) writer.finish();
      const open = begin(broadcast, 5, "xyz");
      await relay.pass(300);
      assert.deepEqual(got(sink), { 4: "0a 1b", 5: "0x 1y" });
      assert.deepEqual(sink.trouble, ["closed: cleanly"]);
      for (const writer of open) writer.finish();
    });

    it("of two subscriptions abut: what one leaves out the other one gets", async () => {
      const { relay, broadcast, watch } = await scene(publishedIn);
      await watch({});
      begin(broadcast, 4, "abcd");
      await relay.pass(100);
      const head = await watch({ start: 4, end: 4, endObject: 1 });
      const tail = await watch({ start: 4, startObject: 2 });
      assert.deepEqual([got(head.sink), got(tail.sink)], [{ 4: "0a 1b" }, { 4: "2c 3d" }]);
    });
  });
}

it("a relay asks for the frames that its viewers want, and not for those before", async () => {
  const { relay, broadcast, watch } = await scene();
  await watch({ start: 4, startObject: 2 });
  assert.deepEqual(
    broadcast.requests.map(({ start, startObject }) => [start, startObject]),
    [[4, 2]],
  );
  await watch({ start: 4, startObject: 1 });
  await relay.pass(300);
  assert.deepEqual(broadcast.requests.at(-1)?.startObject, 1);
});
describe("a fetch of frames of a group", () => {
  /** What a fetch of group 4 brings, as ids and payloads, and how it ends. */
  async function fetched(from: string, cached: boolean, start: number, end: number): Promise<string> {
    const relay = await TestRelay.start();
    const broadcast = (await relay.connect(from)).publish("live/a");
    await relay.pass(300);
    const client = await relay.connect(VERSION);
    if (cached) {
      client.session.source.subscribe("live/a", TRACK, LATE, new ObjectSink());
      await relay.pass(100);
      for (const writer of begin(broadcast, 4, "abcd")) writer.finish();
      await relay.pass(100);
    }
    const lines: string[] = [];
    const range = { start: { group: 4, object: start }, end: { group: 4, object: end } };
    client.session.source.fetch("live/a", TRACK, range, 0, {
      object: ({ object }) => lines.push(`${object}`),
      payload: (piece) => lines.push(Buffer.from(piece).toString()),
      end: () => {},
      gap: () => lines.push("gap"),
      finish: () => lines.push("finished"),
      reset: (reason) => lines.push(reason),
      onStop: () => {},
    });
    await relay.pass(500);
    assert.deepEqual(relay.defects, []);
    return lines.join(" ");
  }

  for (const from of [VERSION, "moq-lite-05"]) {
    it(`comes from the cache (${from})`, async () => {
      assert.equal(await fetched(from, true, 1, 2), "1 b 2 c finished");
      assert.equal(await fetched(from, true, 2, LAST_OBJECT), "2 c 3 d finished");
      assert.equal(await fetched(from, true, 0, 0), "0 a finished");
    });

    it(`ends with the group where the group ends before the range (${from})`, async () => {
      assert.equal(await fetched(from, true, 3, 9), "3 d finished");
    });

    it(`comes from the publisher where the cache does not have the group (${from})`, async () => {
      assert.equal(await fetched(from, false, 1, 1), "1 more finished");
    });
  }
});
