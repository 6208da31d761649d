import assert from "node:assert/strict";
import { test } from "node:test";
import type { Broadcast } from "../../relay/model/broadcast.ts";
import { Origin, type Resolver } from "../../relay/model/origin.ts";
import { ManualClock } from "../support/clock.ts";
import { CACHE, LIMITS } from "./support.ts";

class Recorder implements Resolver {
  readonly log: string[] = [];

  watching(prefix: string): () => void {
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

function resolved(): { origin: Origin; clock: ManualClock; log: string[] } {
  const clock = new ManualClock();
  const origin = new Origin({ clock, limits: { ...LIMITS, subscribeWaitMs: 1000, trackLingerMs: 0 }, cache: CACHE });
  const recorder = new Recorder();
  origin.resolveWith(recorder);
  return { origin, clock, log: recorder.log };
}

test("a resolver hears which parts of a prefix are watched, until they are no more", () => {
  const { origin, log } = resolved();
  const stop = origin.watch("live", { changed: () => {} }, ["live/a", "live/b"]);
  stop();
  stop();
  assert.deepEqual(log, [
    'watching "live/a"',
    'watching "live/b"',
    'no longer watching "live/a"',
    'no longer watching "live/b"',
  ]);
});

test("a resolver hears once of a broadcast that tracks are wanted of, until the last one is given up", () => {
  const { origin, clock, log } = resolved();
  const cancels = ["audio", "video"].map((name) => origin.info("live/a", name, () => {}));
  assert.deepEqual(log, ['wanting "live/a"']);
  for (const cancel of cancels) cancel();
  clock.advance(1);
  assert.deepEqual(log, ['wanting "live/a"', 'no longer wanting "live/a"']);
});
