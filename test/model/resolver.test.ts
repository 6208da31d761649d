import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Broadcast } from "../../moq/model/broadcast.ts";
import { Broadcasts, type Resolver } from "../../moq/model/broadcasts.ts";
import { AD, CACHE, FakeSource, FakeViewer, LIMITS, LIVE } from "./support.ts";

class Recorder implements Resolver {
  readonly log: string[] = [];

  readonly completes: (() => void)[] = [];

  watching(prefix: string, complete: () => void): () => void {
    this.completes.push(complete);
    return this.#hold(`watching "${prefix}"`);
  }

  wanting(path: string): () => void {
    return this.#hold(`wanting "${path}"`);
  }

  routed(broadcast: Broadcast): void {
    this.log.push(`routed "${broadcast.path}" ${broadcast.routes.length}`);
  }

  #hold(what: string): () => void {
    this.log.push(what);
    return () => void this.log.push(`no longer ${what}`);
  }
}

function resolved() {
  const clock = new ManualClock();
  const broadcasts = new Broadcasts({
    clock,
    limits: { ...LIMITS, subscribeWaitMs: 1000, trackLingerMs: 0 },
    cache: CACHE,
  });
  const recorder = new Recorder();
  broadcasts.resolveWith(recorder);
  return { broadcasts, clock, log: recorder.log, completes: recorder.completes };
}

test("a resolver hears which parts of a prefix are watched, until they are no more", () => {
  const { broadcasts, log } = resolved();
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

test("a watcher hears once that all is known: when each part of its prefix is, and at once where there is nobody to ask", () => {
  const { broadcasts, completes } = resolved();
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

test("a resolver hears once of a broadcast that tracks are wanted of, until the last one is given up", () => {
  const { broadcasts, clock, log } = resolved();
  const cancels = ["audio", "video"].map((name) => broadcasts.info("live/a", name, () => {}));
  assert.deepEqual(log, ['wanting "live/a"']);
  for (const cancel of cancels) cancel();
  clock.advance(1);
  assert.deepEqual(log, ['wanting "live/a"', 'no longer wanting "live/a"']);
});

test("a resolver hears that a broadcast is wanted no more when a track of it was refused after groups had come", () => {
  const { broadcasts, clock, log } = resolved();
  const relay = new FakeSource();
  broadcasts.publish("live/a", AD, relay);
  broadcasts.subscribe("live/a", "video", LIVE, new FakeViewer());
  relay.send(0, "kept");
  relay.sink.closed("unroutable");
  clock.advance(1);
  assert.deepEqual(log.slice(1), ['wanting "live/a"', 'no longer wanting "live/a"']);
});

test("groups of a refused track stay for whoever subscribes again before it is forgotten", () => {
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
