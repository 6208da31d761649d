import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Broadcast } from "../../moq/model/broadcast.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import type { BroadcastFinder } from "../../moq/model/finder.ts";
import { AD, CACHE, FakeSource, FakeViewer, LIMITS, LIVE } from "./support.ts";

class Recorder implements BroadcastFinder {
  readonly log: string[] = [];

  readonly completes: (() => void)[] = [];

  watching(prefix: string, complete: () => void): () => void {
    this.completes.push(complete);
    return this.#held(`watching "${prefix}"`);
  }

  wanting(path: string): () => void {
    return this.#held(`wanting "${path}"`);
  }

  routed(broadcast: Broadcast): void {
    this.log.push(`routed "${broadcast.path}" ${broadcast.routes.length}`);
  }

  #held(what: string): () => void {
    this.log.push(what);
    return () => void this.log.push(`no longer ${what}`);
  }
}

function withFinder() {
  const clock = new ManualClock();
  const broadcasts = new Broadcasts({
    clock,
    limits: { ...LIMITS, subscribeWaitMs: 1000, trackLingerMs: 0 },
    cache: CACHE,
  });
  const recorder = new Recorder();
  broadcasts.findWith(recorder);
  return { broadcasts, clock, log: recorder.log, completes: recorder.completes };
}

test("the finder is called for each part of a prefix that is watched, and released when the watch stops", () => {
  const { broadcasts, log } = withFinder();
  const stop = broadcasts.watch("live", { changed: () => {} }, ["live/a", "live/b"]);
  stop();
  stop();
  assert.deepEqual(log, [
    'watching "live/a"',
    'watching "live/b"',
    'no longer watching "live/a"',
    'no longer watching "live/b"',
  ]);
});

test("a watcher is complete once each part of its prefix is, and at once without a finder", () => {
  const { broadcasts, completes } = withFinder();
  let complete = 0;
  const watcher = { changed: () => {}, complete: () => void complete++ };
  broadcasts.watch("live", watcher, ["live/a", "live/b"]);
  completes[0]?.();
  assert.equal(complete, 0);
  completes[1]?.();
  assert.equal(complete, 1);
  broadcasts.watch("live", watcher, []);
  assert.equal(complete, 2);
  new Broadcasts({ clock: new ManualClock(), limits: LIMITS, cache: CACHE }).watch("live", watcher);
  assert.equal(complete, 3);
});

test("the finder is called once for a broadcast of which tracks are wanted, and released with the last track", () => {
  const { broadcasts, clock, log } = withFinder();
  const cancels = ["audio", "video"].map((name) => broadcasts.info("live/a", name, () => {}));
  assert.deepEqual(log, ['wanting "live/a"']);
  for (const cancel of cancels) cancel();
  clock.advance(1);
  assert.deepEqual(log, ['wanting "live/a"', 'no longer wanting "live/a"']);
});

test("the finder is released when the relay that serves the only track refuses it after groups have come", () => {
  const { broadcasts, clock, log } = withFinder();
  const relay = new FakeSource();
  broadcasts.publish("live/a", AD, relay);
  broadcasts.subscribe("live/a", "video", LIVE, new FakeViewer());
  relay.send(0, "kept");
  relay.sink.closed("unroutable");
  clock.advance(1);
  assert.deepEqual(log.slice(1), ['wanting "live/a"', 'no longer wanting "live/a"']);
});

test("groups of a refused track are kept for a viewer that subscribes again within the linger", () => {
  const clock = new ManualClock();
  const broadcasts = new Broadcasts({ clock, limits: { ...LIMITS, trackLingerMs: 2_000 }, cache: CACHE });
  const relay = new FakeSource();
  broadcasts.publish("live/a", AD, relay);
  broadcasts.subscribe("live/a", "video", LIVE, new FakeViewer());
  relay.send(0, "kept");
  relay.sink.closed("unroutable");
  clock.advance(1_999);
  const viewer = new FakeViewer();
  broadcasts.subscribe("live/a", "video", LIVE, viewer);
  clock.advance(2_000);
  assert.deepEqual(viewer.groups, ["0:finished:[4]kept"]);
  assert.equal(clock.pending, 0);
});
