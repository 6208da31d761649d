import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { Distribution } from "../../moq/metrics.ts";
import { clock, publisher, relay, start, startPublished, watch } from "./relay.ts";
import { FakeViewer, LIVE, say } from "./support.ts";

beforeEach(() => {
  startPublished();
});

/** Number and sum of the observations; the sum to a millisecond. */
function seen({ counts, sum }: Distribution): [number, number] {
  return [counts.reduce((all, count) => all + count, 0), Math.round(sum * 1000) / 1000];
}

describe("the time to the first group", () => {
  it("runs from the subscription to the first group of the publisher", () => {
    watch();
    clock.advance(400);
    publisher.send(0, "a");
    publisher.send(1, "b");
    const { firstGroup, joinMisses, joins } = relay.counters;
    assert.deepEqual(seen(firstGroup.upstream), [1, 0.4]);
    assert.deepEqual(seen(firstGroup.cache), [0, 0]);
    assert.deepEqual([joinMisses, joins], [1, 0]);
  });

  it("is that of the cache where the viewer joins a group that is there", () => {
    watch();
    publisher.send(0, "a");
    watch();
    const { firstGroup, joinMisses, joins } = relay.counters;
    assert.deepEqual([seen(firstGroup.upstream)[0], seen(firstGroup.cache)[0]], [1, 1]);
    assert.deepEqual([joinMisses, joins], [1, 1]);
  });
});

describe("the delivery delay", () => {
  it("runs from the end of a group until it has left for the viewer", () => {
    const viewer = new FakeViewer();
    viewer.stuck = true;
    watch({ ...LIVE, maxLatency: 60_000 }, viewer);
    publisher.send(0, "a");
    clock.advance(700);
    for (const stream of viewer.streams) stream.queued = 0;
    viewer.stuck = false;
    publisher.send(1, "b");
    clock.advance(100);
    assert.deepEqual(seen(relay.counters.delivery), [2, 0.8]);
  });

  it("does not count the age of a group that a late viewer joins, nor groups that were given up", () => {
    watch();
    publisher.send(0, "a");
    clock.advance(5_000);
    const late = new FakeViewer();
    late.stuck = true;
    const { subscription } = watch(LIVE, late);
    assert.equal(late.streams.length, 1);
    publisher.send(1, "b");
    subscription.shed();
    clock.advance(100);
    const [count, sum] = seen(relay.counters.delivery);
    assert.equal(count, 2, "both groups of the first viewer, none of the stuck one");
    assert.ok(sum <= 0.2, `${sum} s`);
  });
});

it("tracks that wait for a publisher are counted while they wait", () => {
  start();
  const { subscription } = watch();
  assert.equal(relay.counters.subscriptionsWaiting, 1);
  subscription.cancel();
  assert.equal(relay.counters.subscriptionsWaiting, 0);
});

it("requests for announcements are counted while they run", () => {
  const stop = relay.watch("live", { changed: () => {} });
  const other = relay.watch("live", { changed: () => {} });
  assert.equal(relay.counters.watchers, 2);
  stop();
  stop();
  assert.equal(relay.counters.watchers, 1);
  other();
  assert.equal(relay.counters.watchers, 0);
});

it("a group that ends while a frame is missing has no end that delays are counted from", () => {
  watch();
  const writer = publisher.group(0);
  say(writer, "a");
  writer.reset("upstream");
  publisher.send(1, "b");
  clock.advance(100);
  assert.equal(seen(relay.counters.delivery)[0], 1);
});
