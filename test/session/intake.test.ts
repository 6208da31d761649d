import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Counters } from "../../moq/counters.ts";
import { encodeGroupStream } from "../../moq/wire/lite/group.ts";
import { encodeRequest } from "../../moq/wire/lite/requests.ts";
import { encodeSubscribeUpdate } from "../../moq/wire/lite/subscribe.ts";
import { capabilities } from "../../moq/wire/lite/versions.ts";
import { LIVE, TestRelay, TRACK } from "./support.ts";

const CAPS = capabilities("moq-lite-05");
assert.ok(CAPS);

/** Notes how far a counter rises within each turn of the relay's clock. */
function perTurn(relay: TestRelay, counter: (counters: Counters) => number): number[] {
  const turns: number[] = [];
  const timer = relay.clock.timer.bind(relay.clock);
  relay.clock.timer = (delay, callback) =>
    timer(delay, () => {
      const before = counter(relay.counters);
      callback();
      const done = counter(relay.counters) - before;
      if (done > 0) turns.push(done);
    });
  return turns;
}

/** A publisher with one subscription, on whose link the test can send empty frames at any rate. */
async function flooder(relay: TestRelay) {
  const viewer = (await relay.connect()).watch("live/a");
  viewer.keep = false;
  const source = await relay.connect();
  const published = source.publish("live/a");
  await relay.pass(200);
  assert.equal(published.sinks.size, 1);
  return { viewer, published, source };
}

describe("a burst from one peer", () => {
  it("is handled over several turns, while other sessions go on", async () => {
    const relay = await TestRelay.start({ model: { framesPerGroup: 1_000_000 } });
    const { viewer, source } = await flooder(relay);
    const other = (await relay.connect()).publish("live/b");
    const well = (await relay.connect()).watch("live/b");
    await relay.pass(200);
    const turns = perTurn(relay, (counters) => counters.framesIn);
    const stream = source.link.openUni(1, { stop: () => {} });
    assert.ok(stream);
    stream.write(encodeGroupStream(CAPS, { subscribe: 0, sequence: 0 }));
    for (let i = 0; i < 20; i++) stream.write(new Uint8Array(20_000));
    stream.finish();
    other.send(0, "not late");
    await relay.pass(1000);
    assert.equal(relay.counters.framesIn, 200_001);
    assert.ok(Math.max(...turns) <= 8192 + 256, `${Math.max(...turns)} frames in a turn`);
    assert.equal(viewer.groups[0]?.state, "finished");
    assert.equal(viewer.groups[0]?.timestamps.length, 200_000);
    assert.deepEqual(well.groupLines, ["0 finished not late"]);
    assert.deepEqual(relay.defects, []);
  });

  it("is handled in order on all its streams", async () => {
    const relay = await TestRelay.start({ model: { framesPerGroup: 1_000_000, groupsPerTrack: 1000 } });
    const { viewer, source } = await flooder(relay);
    viewer.keep = true;
    for (let sequence = 0; sequence < 40; sequence++) {
      const stream = source.link.openUni(1, { stop: () => {} });
      stream?.write(encodeGroupStream(CAPS, { subscribe: 0, sequence }));
      stream?.write(new Uint8Array(1000));
      if (sequence % 4 === 3) stream?.reset(7);
      else stream?.finish();
    }
    await relay.pass(1000);
    const whole = viewer.groups.filter(({ state }) => state === "finished");
    assert.ok(whole.length >= 30, `${whole.length} whole groups`);
    assert.ok(whole.every(({ timestamps }) => timestamps.length === 500));
    assert.deepEqual(
      viewer.groups.filter(({ state }) => state !== "finished").every(({ sequence }) => sequence % 4 === 3),
      true,
      "those that were reset, and no other",
    );
  });

  it("ends its session past the bound of the queue, where the link cannot pause", async () => {
    const relay = await TestRelay.start({
      session: { sessionQueueBytes: 100_000, sessionQueueMark: 100_000 },
      model: { framesPerGroup: 10_000_000 },
    });
    const { source } = await flooder(relay);
    const stream = source.link.openUni(1, { stop: () => {} });
    stream?.write(encodeGroupStream(CAPS, { subscribe: 0, sequence: 0 }));
    for (let i = 0; i < 25; i++) stream?.write(new Uint8Array(20_000));
    await relay.pass(1000);
    assert.equal(source.reports[0]?.code, 11);
    assert.equal(relay.counters.boundsHit.session_unread_bytes, 1);
    assert.equal(relay.reports[0]?.reason, "limit");
    const after = await flooder(relay);
    after.published.send(1, "as ever");
    await relay.pass(200);
    assert.equal(after.viewer.groups.at(-1)?.state, "finished");
  });

  it("may be announcements: each watcher that is called counts as work", async () => {
    const relay = await TestRelay.start({ model: { broadcasts: 1000 } });
    for (let i = 0; i < 1000; i++) relay.broadcasts.watch("", { changed: () => {} });
    const source = await relay.connect();
    await relay.pass(500);
    const turns = perTurn(relay, () => relay.broadcasts.watcherCalls);
    for (let i = 0; i < 50; i++) source.publish(`live/${i}`);
    await relay.pass(1000);
    assert.equal(relay.counters.broadcastsActive, 50);
    assert.ok(relay.broadcasts.watcherCalls >= 50_000);
    assert.ok(Math.max(...turns) <= 10_000, `${Math.max(...turns)} calls in a turn`);
  });

  it("of GOAWAYs has the effect of one", async () => {
    const relay = await TestRelay.start();
    const source = await relay.connect("moq-lite-04");
    for (let i = 0; i < 50; i++) source.publish(`live/${i}`);
    await relay.pass(500);
    let changes = 0;
    relay.broadcasts.watch("", { changed: () => changes++ });
    const caps = capabilities("moq-lite-04");
    assert.ok(caps);
    const goaway = () => {
      const stream = source.link.openBidi(1, { data: () => {}, fin: () => {}, reset: () => {}, stop: () => {} });
      stream?.write(encodeRequest({ kind: "goaway", uri: "" }, caps));
      stream?.finish();
    };
    goaway();
    await relay.pass(100);
    const once = changes;
    assert.ok(once >= 50);
    for (let i = 0; i < 50; i++) goaway();
    await relay.pass(100);
    assert.equal(changes, once);
  });

  it("may be ten thousand updates of a subscription in one piece", async () => {
    const relay = await TestRelay.start();
    await flooder(relay);
    const { link, closed } = await relay.raw("moq-lite-05");
    const stream = link.openBidi(1, { data: () => {}, fin: () => {}, reset: () => {}, stop: () => {} });
    stream?.write(encodeRequest({ kind: "subscribe", id: 0, path: "live/a", track: TRACK, epoch: 0n, ...LIVE }, CAPS));
    await relay.pass(100);
    const updates = Array.from({ length: 10_000 }, (_, i) => encodeSubscribeUpdate({ ...LIVE, priority: i % 9 }, CAPS));
    const begin = relay.clock.now();
    stream?.write(Buffer.concat(updates));
    stream?.finish();
    await relay.pass(1000);
    assert.equal(relay.counters.subscriptionsActive, 1, "it has left, after all its updates");
    assert.ok(relay.clock.now() > begin);
    assert.deepEqual(closed, []);
  });
});
