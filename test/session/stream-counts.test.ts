/** SUBSCRIBE_END of moq-lite-07-wip says how many group streams a publisher has opened: when a subscription is complete. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BidiStream } from "../../moq/link.ts";
import { encodeGroupStream, encodeSubscribeResponse } from "../../moq/wire/lite/index.ts";
import { capsOf } from "../wire/support/bytes.ts";
import { LIVE, TestRelay, TestViewer, TRACK } from "./support.ts";

/** A subscription of the relay at a publisher that is written by hand. */
async function scene(version: "moq-lite-07-wip" | "moq-lite-06" = "moq-lite-07-wip") {
  const caps = capsOf(version);
  const relay = await TestRelay.start();
  const asked: BidiStream[] = [];
  const raw = await relay.raw(version, (stream) => asked.push(stream));
  await relay.pass(50);
  const [session] = relay.sessions;
  assert.ok(session);
  const viewer = new TestViewer();
  const upstream = session.source.subscribe("live", TRACK, LIVE, viewer);
  await relay.pass(50);
  const stream = asked.at(-1);
  assert.ok(stream);
  const group = (sequence: number, finished = true) => {
    const uni = raw.link.openUni(1, { stop: (code) => raw.stops.push(code) });
    uni?.write(encodeGroupStream(caps, { subscribe: 0, sequence }));
    if (finished) uni?.finish();
  };
  const end = (streams: number) => {
    stream.write(encodeSubscribeResponse({ kind: "start", group: 1 }, caps));
    stream.write(encodeSubscribeResponse({ kind: "end", group: 4, streams }, caps));
    stream.finish();
  };
  const groups = () => viewer.groups.map(({ sequence }) => sequence);
  const closes = () => viewer.log.filter((line) => line.startsWith("closed"));
  return { relay, raw, upstream, group, end, groups, closes };
}

describe("a subscription in moq-lite-07-wip", () => {
  it("ends with the last group stream that its publisher has counted, however late that comes", async () => {
    const { relay, group, end, groups, closes } = await scene();
    group(1);
    end(3);
    await relay.pass(4_000);
    assert.deepEqual(closes(), []);
    group(2);
    await relay.pass(500);
    assert.deepEqual(closes(), []);
    group(3);
    await relay.pass(50);
    assert.deepEqual([groups(), closes()], [[1, 2, 3], ["closed cleanly"]]);
    assert.deepEqual(relay.defects, []);
  });

  it("ends at once where all of them have come, and takes no further one", async () => {
    const { relay, raw, group, end, groups, closes } = await scene();
    group(1);
    await relay.pass(50);
    end(1);
    await relay.pass(50);
    assert.deepEqual(closes(), ["closed cleanly"]);
    group(2, false);
    await relay.pass(50);
    assert.deepEqual([groups(), raw.stops.length], [[1], 1]);
    assert.deepEqual(raw.closed, []);
  });

  it("waits for no longer than 5 s: a stream that was reset early shows nothing", async () => {
    const { relay, end, closes } = await scene();
    end(1);
    await relay.pass(4_900);
    assert.deepEqual(closes(), []);
    await relay.pass(200);
    assert.deepEqual(closes(), ["closed cleanly"]);
  });

  it("that waits for them ends once, with the session, and not at all once it is cancelled", async () => {
    const ended = await scene();
    ended.end(1);
    await ended.relay.pass(50);
    ended.raw.link.close(0, "");
    await ended.relay.pass(6_000);
    assert.deepEqual(ended.closes(), ["closed cleanly"]);
    const cancelled = await scene();
    cancelled.end(1);
    await cancelled.relay.pass(50);
    cancelled.upstream.cancel();
    await cancelled.relay.pass(6_000);
    assert.deepEqual(cancelled.closes(), []);
  });

  it("of a version without the count ends with its stream", async () => {
    const { relay, end, closes } = await scene("moq-lite-06");
    end(1);
    await relay.pass(50);
    assert.deepEqual(closes(), ["closed cleanly"]);
  });
});
