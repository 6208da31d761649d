import assert from "node:assert/strict";
import { test } from "node:test";
import type { Native } from "../../transport/native/addon.ts";
import { NativeEngine } from "../../transport/native/engine.ts";
import { KIND } from "../../transport/native/records.ts";

/** Milliseconds that each batch takes; three of them are more than a turn has. */
const BATCH_MS = 3;
const BATCHES = 3;

/** An engine without a binary, which always has one warning more to tell. */
function flooded(): { wake: () => void; batches: () => number; stop: () => void } {
  let now = 0;
  let batches = 0;
  let waiting = true;
  let wake = () => {};
  const unused = () => assert.fail("not called here");
  const given: Partial<Native> = {
    poll: (records) => {
      if (!waiting) return 0;
      batches += 1;
      records.set([KIND.warning, 0, 0, 0, 0]);
      return 1;
    },
    flush: () => {},
  };
  const native = new Proxy(given, { get: (target, name) => Reflect.get(target, name) ?? unused }) as Native;
  const warn = () => {
    now += BATCH_MS;
  };
  new NativeEngine({ clock: { now: () => now, timer: unused, soon: unused }, warn }, (called) => {
    wake = called;
    return native;
  });
  return {
    wake: () => wake(),
    batches: () => batches,
    stop: () => {
      waiting = false;
    },
  };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("an engine delivers a bounded number of events in one turn and the rest in the next", async (t) => {
  const engine = flooded();
  t.after(engine.stop);
  engine.wake();
  assert.equal(engine.batches(), BATCHES);
  await turn();
  assert.equal(engine.batches(), 2 * BATCHES);
});

test("an engine that calls repeatedly does not make a turn longer", async (t) => {
  const engine = flooded();
  t.after(engine.stop);
  for (let round = 1; round <= 5; round++) {
    for (let call = 0; call < 10; call++) engine.wake();
    assert.equal(engine.batches(), BATCHES * round);
    await turn();
  }
});
