import assert from "node:assert/strict";
import { it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { CACHE, LIMITS, SESSION_LIMITS } from "../../lab/sim/settings.ts";
import { Counters } from "../../moq/counters.ts";
import { LazyMap, LazySet } from "../../moq/lazy.ts";
import type { BidiStream, FanOut, Link, LinkInfo } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import { ChannelRegistry, openAccess, startSession } from "../../moq/session/index.ts";
import { garbageCollector } from "../../transport/shared/index.ts";

const SESSIONS = 500;

/** Bytes of the heap that a session without subscriptions may have. It has 7,400 with moq-lite, and 9,500 with moq-transport. */
const MOST_BYTES = 12 * 1024;

const STREAM: BidiStream = {
  id: 0,
  queued: 0,
  ended: false,
  acknowledged: true,
  write: () => {},
  finish: () => {},
  reset: () => {},
  setPriority: () => {},
  stop: () => {},
};

const FANS = { fanOut: (): FanOut => assert.fail("nothing is fanned out"), copies: true, name: "memory" };

function linkOf(info: LinkInfo): Link {
  return {
    info,
    engine: FANS,
    queued: 0,
    ended: false,
    maxDatagramSize: 0,
    openUni: () => STREAM,
    openBidi: () => STREAM,
    allowBidi: () => {},
    pauseReading: () => {},
    sendDatagram: () => false,
    close: () => {},
    stats: () => ({ bytesSent: 0, bytesReceived: 0 }),
  };
}

for (const protocol of ["moq-lite-06", "moqt-18"]) {
  it(`a session of ${protocol} without subscriptions takes less than ${MOST_BYTES} bytes of the heap`, (t) => {
    const clock = new ManualClock();
    const broadcasts = new Broadcasts({ clock, counters: new Counters(), limits: LIMITS, cache: CACHE });
    const channels = new ChannelRegistry();
    const peer = { address: "127.0.0.1", port: 1 };
    const headers = new Map<string, string>();
    const info: LinkInfo = {
      engine: "memory",
      binding: "quic",
      protocol,
      dialled: false,
      authority: "",
      path: "/",
      query: "",
      headers,
      peer,
    };
    const begin = () => {
      const defect = (error: unknown) => assert.fail(String(error));
      const access = openAccess("");
      const deps = {
        broadcasts,
        clock,
        limits: SESSION_LIMITS,
        channels,
        hop: 1n,
        access,
        announcePrefix: "",
        defect,
        closed: () => {},
      };
      const link = linkOf(info);
      return { link, handler: startSession(deps)(link) };
    };
    const collect = garbageCollector();
    const kept = Array.from({ length: SESSIONS }, begin);
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < SESSIONS; i++) kept.push(begin());
    collect();
    const each = (process.memoryUsage().heapUsed - before) / SESSIONS;
    t.diagnostic(`${Math.round(each)} bytes`);
    assert.equal(kept.length, 2 * SESSIONS);
    assert.ok(each > 0 && each < MOST_BYTES, `${each} bytes`);
  });
}

it("a lazy set is a set", () => {
  const set = new LazySet<number>();
  assert.deepEqual([set.size, set.has(1), set.delete(1), [...set]], [0, false, false, []]);
  set.add(1);
  set.add(2);
  set.add(1);
  assert.deepEqual([set.size, set.has(1), set.delete(1), set.delete(1), [...set]], [2, true, true, false, [2]]);
  for (const one of set) if (one < 5) set.add(one + 1);
  assert.deepEqual([...set], [2, 3, 4, 5]);
  const seen: number[] = [];
  for (const one of set) {
    seen.push(one);
    set.clear();
  }
  assert.deepEqual([seen, set.size, [...set]], [[2], 0, []]);
});

it("a lazy map is a map", () => {
  const map = new LazyMap<string, number>();
  assert.deepEqual([map.size, map.get("a"), map.has("a"), map.delete("a")], [0, undefined, false, false]);
  assert.deepEqual([[...map], [...map.keys()], [...map.values()]], [[], [], []]);
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  assert.deepEqual([map.size, map.get("a"), map.has("b"), map.delete("b"), map.has("b")], [2, 3, true, true, false]);
  map.set("c", 4);
  const all = [[...map], [...map.keys()], [...map.values()]];
  assert.deepEqual(all, [
    [
      ["a", 3],
      ["c", 4],
    ],
    ["a", "c"],
    [3, 4],
  ]);
  for (const [key] of map) {
    assert.equal(key, "a");
    map.clear();
  }
  assert.deepEqual([map.size, [...map]], [0, []]);
});
