import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Counters } from "../../moq/counters.ts";
import { GroupCache } from "../../moq/model/cache.ts";
import { MemoryLevel } from "../../relay/pressure/memory-level.ts";
import { MemoryShedding } from "../../relay/pressure/memory-shedding.ts";
import { captureLog } from "../support/log.ts";

const LIMIT = 1_000;

describe("the level of memory", () => {
  test("rises one step with each reading, in a fixed order", () => {
    const level = new MemoryLevel();
    const seen = [0.79, 0.99, 0.99, 0.99, 0.99].map((share) => {
      level.add(share);
      return level.name;
    });
    assert.deepEqual(seen, ["normal", "cache", "sessions", "viewers", "viewers"]);
    assert.ok(level.has("cache") && level.has("sessions") && level.has("viewers"));
  });

  test("rises no further than the share of memory calls for", () => {
    const level = new MemoryLevel();
    for (let reading = 0; reading < 10; reading++) level.add(0.86);
    assert.equal(level.name, "cache");
    for (let reading = 0; reading < 10; reading++) level.add(0.92);
    assert.equal(level.name, "sessions");
  });

  test("falls only after four readings that are clearly below, one step at a time, and does not flap", () => {
    const level = new MemoryLevel();
    for (let reading = 0; reading < 3; reading++) level.add(0.95);
    // Between the end and the beginning of the level.
    for (let reading = 0; reading < 20; reading++) assert.equal(level.add(0.9), false);
    assert.deepEqual(
      [0.88, 0.88, 0.88].map((share) => level.add(share)),
      [false, false, false],
    );
    assert.equal(level.add(0.91), false, "a worse reading begins the count again");
    assert.deepEqual(
      [0.5, 0.5, 0.5, 0.5].map((share) => level.add(share)),
      [false, false, false, true],
    );
    assert.equal(level.name, "sessions");
    for (let reading = 0; reading < 8; reading++) level.add(0.5);
    assert.equal(level.name, "normal");
    assert.equal(level.add(0.5), false);
  });
});

/** A process with a cache and viewers whose memory the test sets. */
function shedding(viewers = 200) {
  const clock = new ManualClock();
  const captured = captureLog();
  const memory = { usedBytes: 500, heapBytes: 0 };
  const cache = { bytes: 400, budget: Number.POSITIVE_INFINITY };
  const ended: string[] = [];
  const sessions = Array.from({ length: viewers }, (_, one) => ({
    cluster: one === 0,
    session: {
      use: () => ({ queuedBytes: one === 0 ? 9_999 : one % 100, announced: one === 99 ? 1 : 0 }),
      end: (reason: string) => ended.push(`${one} ${reason}`),
    },
  }));
  let collections = 0;
  const shed = new MemoryShedding({
    clock,
    log: captured.log,
    read: () => ({ usedBytes: memory.usedBytes, limitBytes: LIMIT }),
    heap: () => ({ usedBytes: memory.heapBytes, limitBytes: LIMIT }),
    cache: {
      get bytes() {
        return cache.bytes;
      },
      shrink: (bytes) => {
        cache.budget = bytes;
        cache.bytes = Math.min(cache.bytes, bytes);
      },
    },
    sessions: () => sessions,
    collect: () => collections++,
  });
  shed.start();
  const at = (usedBytes: number) => {
    memory.usedBytes = usedBytes;
    clock.advance(500);
  };
  return { clock, captured, memory, cache, ended, shed, at, collections: () => collections };
}

describe("shedding for want of memory", () => {
  test("evicts as much of the cache as there is too much, and nothing else at first", () => {
    const { cache, shed, ended, at, captured } = shedding();
    at(790);
    assert.equal(cache.bytes, 400);
    at(810);
    assert.equal(cache.bytes, 350, "down to 76 %");
    assert.deepEqual([shed.refusing, ended.length, shed.metrics.cacheBytes], [false, 0, 50]);
    assert.deepEqual(captured.messages(), ["memory is short: the relay sheds its cache"]);
  });

  test("then refuses new sessions, then closes the slowest viewers, and neither publishers nor relays", () => {
    const { shed, ended, at } = shedding();
    for (const used of [880, 880]) at(used);
    assert.deepEqual([shed.refusing, ended], [true, []]);
    at(940);
    // 1 % of 198 viewers: those with the longest queues. 99 publishes, 0 is a relay of the mesh.
    assert.deepEqual(ended, ["199 limit", "198 limit"]);
    assert.equal(shed.metrics.viewers, 2);
  });

  test("recovers by itself, in the opposite order", () => {
    const { cache, shed, at, captured } = shedding();
    for (const used of [950, 950, 950]) at(used);
    assert.equal(shed.metrics.level, 3);
    for (let reading = 0; reading < 4; reading++) at(600);
    assert.deepEqual([shed.metrics.level, shed.refusing], [2, true]);
    for (let reading = 0; reading < 4; reading++) at(600);
    assert.deepEqual([shed.metrics.level, shed.refusing], [1, false]);
    assert.ok(cache.budget < 400, "the cache stays small until memory is free");
    for (let reading = 0; reading < 4; reading++) at(600);
    assert.equal(cache.budget, Number.POSITIVE_INFINITY);
    assert.equal(captured.messages().at(-1), "memory is free again: the relay does everything as configured");
  });

  test("counts V8's heap, which has a limit of its own", () => {
    const { memory, shed, clock } = shedding();
    memory.heapBytes = 900;
    clock.advance(1_000);
    assert.equal(shed.metrics.level, 2);
  });

  test("collects garbage at most every five seconds", () => {
    const { at, collections, shed, clock } = shedding();
    for (let reading = 0; reading < 20; reading++) at(950);
    assert.equal(collections(), 2);
    shed.close();
    assert.equal(clock.pending, 0);
  });
});

test("a cache that shrinks evicts old groups and those without viewers, and grows again", () => {
  const counters = new Counters();
  const cache = new GroupCache({ bytes: 1_000, policy: "oldest", maxAgeMs: 1_000 }, counters);
  const evicted: string[] = [];
  const add = (name: string) => {
    cache.charge(100, true);
    const entry = {
      evict: () => {
        cache.release(100);
        evicted.push(name);
      },
    };
    return entry;
  };
  cache.park(add("parked"));
  for (const name of ["old 1", "old 2", "old 3"]) cache.offer(add(name));
  add("newest of a watched track");
  cache.shrink(350, 1);
  assert.deepEqual(evicted, ["old 1"], "at most as many as allowed");
  cache.shrink(0, 100);
  assert.deepEqual(evicted, ["old 1", "old 2", "old 3", "parked"]);
  assert.deepEqual([cache.bytes, counters.cacheBudget, counters.cacheEvictions], [100, 0, 4]);
  assert.equal(cache.charge(10, true), false, "nothing more is kept");
  cache.shrink(Number.POSITIVE_INFINITY, 0);
  assert.equal(cache.charge(900, true), true);
  assert.equal(counters.cacheBudget, 1_000);
});
