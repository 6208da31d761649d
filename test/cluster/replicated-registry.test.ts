/** Roots that share a registry, with a backend in memory and a clock that is turned by hand. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Clock } from "../../moq/clock.ts";
import { MemoryBackend, MemoryStore } from "./memory-backend.ts";
import { many, RelayAtRoot, Root } from "./roots.ts";
import { nodeInfo } from "./support.ts";

const LEASE_MS = 10_000;
/** Milliseconds in which a write reaches the other roots. */
const WRITTEN_MS = 50;
/** Milliseconds in which changes are found whose messages were lost: two comparisons. */
const FOUND_MS = 4_500;

describe("roots that share a registry", () => {
  let clock: ManualClock;
  let store: MemoryStore;
  let roots: Root[];
  beforeEach(() => {
    clock = new ManualClock();
    store = new MemoryStore(clock);
    roots = [];
  });
  afterEach(async () => {
    for (const one of roots) one.close();
    // Lets running calls end.
    await clock.run(1_000);
    assert.equal(clock.pending, 0, "no timer is left");
  });

  function root(its: Clock = clock): Root {
    const one = new Root(new MemoryBackend(store), its, LEASE_MS);
    roots.push(one);
    return one;
  }

  /** Two roots that are past their start. */
  async function pair(): Promise<[a: Root, b: Root]> {
    const both: [Root, Root] = [root(), root()];
    await clock.run(LEASE_MS + 1);
    return both;
  }

  it("learn what is registered, changed, released and withdrawn at the other", async () => {
    const [a, b] = await pair();
    const relay = a.relay("o1", ["live/a", "live/b"]);
    await clock.run(WRITTEN_MS);
    assert.deepEqual(b.paths, ["live/a o1", "live/b o1"]);
    relay.hold("live/a", { epoch: 7n, hops: [1n, (1n << 53n) - 1n], cost: 3 });
    relay.release("live/b");
    await clock.run(WRITTEN_MS);
    assert.deepEqual(b.paths, ["live/a o1"]);
    assert.equal(b.registry.holding("live/a", "o1")?.epoch, 7n);
    assert.deepEqual(b.registry.holding("live/a", "o1"), a.registry.holding("live/a", "o1"));
    relay.leave();
    await clock.run(WRITTEN_MS);
    assert.deepEqual([b.nodes, b.paths, store.nodes.size], [[], [], 0]);
  });

  it("learn a change of a relay that was made while the relay was being written", async () => {
    const [a, b] = await pair();
    store.latencyMs = 100;
    const relay = a.relay("o1", ["live/a"]);
    await clock.run(20);
    a.registry.register(nodeInfo("o1", "origin", { draining: true }), relay);
    await clock.run(300);
    assert.equal(b.registry.get("o1")?.draining, true);
  });

  it("give everything at once to a root that starts later", async () => {
    const a = root();
    a.relay("o1", many(2_000));
    await clock.run(WRITTEN_MS);
    const b = root();
    await clock.run(0);
    assert.equal(b.paths.length, 2_000);
  });

  it("keep what another root has while it runs, and for a lease after it dies", async () => {
    const [a, b] = await pair();
    a.relay("o1", ["live/a"]);
    await clock.run(10 * LEASE_MS);
    assert.deepEqual([b.paths, b.gone], [["live/a o1"], []]);
    a.close();
    await clock.run(LEASE_MS - 3_000);
    assert.deepEqual(b.paths, ["live/a o1"]);
    await clock.run(6_000);
    assert.deepEqual([b.nodes, b.paths, b.gone], [[], [], ["live/a"]]);
  });

  it("may have clocks that are hours apart", async () => {
    const hour = 3_600_000;
    const other: Clock = {
      now: () => clock.now() + 5 * hour,
      timer: (delayMs, callback) => clock.timer(delayMs, callback),
      soon: queueMicrotask,
    };
    const [a, b] = [root(), root(other)];
    a.relay("o1", ["live/a"]);
    b.relay("o2", ["live/b"]);
    await clock.run(5 * LEASE_MS);
    for (const one of [a, b]) assert.deepEqual([one.paths, one.gone], [["live/a o1", "live/b o2"], []]);
    a.close();
    await clock.run(LEASE_MS + 3_000);
    assert.deepEqual(b.paths, ["live/b o2"]);
  });

  it("keep a relay that is lost at one root and connected at the other", async () => {
    const [a, b] = await pair();
    b.relay("o1", ["live/a"]);
    const lost = a.relay("o1", ["live/a"]);
    await clock.run(WRITTEN_MS);
    lost.die();
    await clock.run(3 * LEASE_MS);
    for (const one of [a, b]) assert.deepEqual([one.paths, one.gone], [["live/a o1"], []]);
  });

  for (const afterMs of [10, 1_990, 2_010, LEASE_MS - 200]) {
    it(`never withdraw a relay that connects to another root ${afterMs} ms after it was lost`, async () => {
      const [a, b] = await pair();
      const lost = a.relay("o1", ["live/a", "live/b"]);
      await clock.run(6_000);
      lost.die();
      await clock.run(afterMs);
      b.relay("o1", ["live/a", "live/b"]);
      await clock.run(3 * LEASE_MS);
      for (const one of [a, b]) assert.deepEqual([one.paths, one.gone], [["live/a o1", "live/b o1"], []]);
    });
  }

  it("follow a relay that restarts and connects to another root", async () => {
    const [a, b] = await pair();
    const c = root();
    const old = a.relay("o1", ["live/a", "live/b"], { startedAt: 1 });
    await clock.run(LEASE_MS + WRITTEN_MS);
    b.relay("o1", ["live/a", "live/c"], { startedAt: 2, hop: 9n });
    await clock.run(600);
    old.die();
    await clock.run(FOUND_MS);
    for (const one of [a, b, c]) {
      assert.deepEqual([one.paths, one.gone], [["live/a o1", "live/c o1"], ["live/b"]]);
      assert.equal(one.registry.get("o1")?.hop, 9n);
    }
  });

  it("follow a relay that restarts at another root with a clock that was set back", async () => {
    const [a, b] = await pair();
    const old = a.relay("o1", ["live/a"], { startedAt: 1_000_000 });
    await clock.run(3_000);
    const relay = b.relay("o1", ["live/b"], { startedAt: 5 });
    await clock.run(600);
    old.die();
    for (let passed = 0; passed < 3 * LEASE_MS; passed += 100) {
      await clock.run(100);
      assert.ok(b.paths.includes("live/b o1"), "where it has a session, it is there all the time");
    }
    for (const one of [a, b]) assert.deepEqual([one.paths, one.registry.get("o1")?.startedAt], [["live/b o1"], 5]);
    relay.hold("live/c");
    await clock.run(WRITTEN_MS);
    assert.deepEqual(a.paths, ["live/b o1", "live/c o1"]);
  });

  it("follow a relay that restarts at its root with a clock that was set back", async () => {
    const [a, b] = await pair();
    store.latencyMs = 2;
    const old = a.relay("o1", ["live/a"], { startedAt: 1_000_000 });
    await clock.run(WRITTEN_MS);
    old.die();
    a.relay("o1", ["live/b"], { startedAt: 5 });
    await clock.run(LEASE_MS + FOUND_MS);
    for (const one of [a, b]) assert.deepEqual([one.paths, one.registry.get("o1")?.startedAt], [["live/b o1"], 5]);
  });

  it("believe the later of two relays with one name", async () => {
    const [a, b] = await pair();
    a.relay("o1", ["live/old"], { startedAt: 1 });
    await clock.run(WRITTEN_MS);
    b.relay("o1", ["live/new"], { startedAt: 2 });
    await clock.run(LEASE_MS);
    for (const one of [a, b]) assert.deepEqual([one.paths, one.registry.get("o1")?.startedAt], [["live/new o1"], 2]);
  });

  it("forget a relay that left at once, even while another root is writing it", async () => {
    const [a, b] = await pair();
    const atA = a.relay("o1", ["live/a"]);
    const atB = b.relay("o1", ["live/a"]);
    await clock.run(6_000);
    store.latencyMs = 100;
    atB.hold("live/b");
    // On its way to the backend when the removal by the other one is done there.
    await clock.run(10);
    store.nodes.delete("o1");
    const told = a.registry.get("o1");
    assert.ok(told !== undefined);
    atA.leave();
    b.shared.leftElsewhere("o1", told.startedAt);
    atB.leave();
    await clock.run(1_000);
    assert.deepEqual([a.nodes, b.nodes, store.nodes.size], [[], [], 0]);
  });

  it("forget a relay that left while it was being read", async () => {
    const [a, b] = await pair();
    const relay = a.relay("o1", ["live/a"]);
    await clock.run(WRITTEN_MS);
    store.latencyMs = 400;
    store.lossy = true;
    relay.hold("live/b");
    let most = 0;
    for (let passed = 0; passed < 4_000; passed += 50) {
      await clock.run(50);
      if (b.paths.length === 2) break;
      if (passed === 2_000) store.lossy = false;
      if (passed === 2_050) relay.leave();
      most = Math.max(most, b.paths.length);
    }
    await clock.run(1_000);
    assert.deepEqual([a.nodes, b.nodes], [[], []]);
  });

  it("register a relay again that left and came back at once", async () => {
    const [a, b] = await pair();
    a.relay("o1", ["live/a"], { startedAt: 1 }).leave();
    a.relay("o1", ["live/b"], { startedAt: 2 });
    await clock.run(FOUND_MS);
    for (const one of [a, b]) assert.deepEqual(one.paths, ["live/b o1"]);
  });

  it("keep serving what they know while the backend is unreachable, and fill it again when it is back empty", async () => {
    const [a, b] = await pair();
    const relay = a.relay("o1", ["live/a", "live/b"]);
    b.relay("o2", many(1_200));
    await clock.run(WRITTEN_MS);
    store.cut();
    relay.hold("live/c");
    relay.release("live/b");
    await clock.run(5 * LEASE_MS);
    assert.deepEqual([b.shared.connected, b.paths.length, a.paths.length], [false, 1_202, 1_202]);
    assert.deepEqual([a.gone, b.gone], [["live/b"], []]);
    store.wipe();
    store.heal();
    await clock.run(WRITTEN_MS);
    assert.equal(b.paths.includes("live/c o1"), true);
    await clock.run(LEASE_MS + FOUND_MS);
    assert.deepEqual(b.paths, a.paths);
    await clock.run(3 * LEASE_MS);
    assert.deepEqual([a.gone, b.gone, a.paths.length], [["live/b"], ["live/b"], 1_202]);
    assert.deepEqual(b.said, ["up", "down: it was cut off", "up"]);
    const c = root();
    await clock.run(0);
    assert.deepEqual(c.paths, a.paths);
  });

  it("remove nothing when the backend comes back from an old snapshot", async () => {
    const [a, b] = await pair();
    const relay = a.relay("o1", ["live/a"]);
    await clock.run(WRITTEN_MS);
    const old = structuredClone(store.kept("o1"));
    relay.hold("live/b");
    await clock.run(WRITTEN_MS);
    store.cut();
    await clock.run(1_000);
    assert.ok(old !== undefined);
    store.nodes.set("o1", old);
    store.latencyMs = 10;
    store.heal();
    await clock.run(LEASE_MS);
    assert.deepEqual([b.paths, b.gone, store.kept("o1")?.holdings.size], [["live/a o1", "live/b o1"], [], 2]);
  });

  it("remove nothing that a relay has yet to report again", async () => {
    const [a, b] = await pair();
    const c = root();
    a.relay("o1", many(3));
    await clock.run(FOUND_MS);
    store.latencyMs = 100;
    a.close();
    store.nodes.delete("o1");
    const again = new RelayAtRoot(b.registry, "o1");
    assert.equal(b.registry.register(nodeInfo("o1"), again), true);
    for (const path of many(3)) {
      again.hold(path);
      await clock.run(3_000);
    }
    b.registry.complete(again);
    await clock.run(FOUND_MS);
    for (const one of [b, c]) assert.deepEqual([one.paths.length, one.gone], [3, []]);
    assert.equal(store.kept("o1")?.partial, false);
  });

  it("remove a relay that left while the backend was unreachable", async () => {
    const [a, b] = await pair();
    const relay = a.relay("o1", ["live/a"]);
    await clock.run(WRITTEN_MS);
    store.cut();
    relay.leave();
    await clock.run(3_000);
    assert.deepEqual([a.nodes, b.nodes], [[], ["o1"]]);
    store.heal();
    await clock.run(WRITTEN_MS);
    assert.deepEqual([a.nodes, b.nodes], [[], []]);
  });

  it("find changes whose messages were lost", async () => {
    const [a, b] = await pair();
    const relay = a.relay("o1", ["live/a"]);
    await clock.run(WRITTEN_MS);
    store.lossy = true;
    relay.hold("live/c");
    relay.release("live/a");
    await clock.run(FOUND_MS);
    assert.deepEqual(b.paths, ["live/c o1"]);
    relay.leave();
    await clock.run(FOUND_MS);
    assert.deepEqual(b.nodes, []);
  });

  it("never remove what has yet to be written again", async () => {
    const [a, b] = await pair();
    const relay = a.relay("o1", many(10_000));
    await clock.run(1_000);
    assert.equal(b.paths.length, 10_000);
    store.latencyMs = 400;
    store.lossy = true;
    // As when the root that renews it was cut off for longer than the lease.
    store.nodes.delete("o1");
    relay.release("live/5000");
    let halves = 0;
    for (let passed = 0; passed < 20_000; passed += 100) {
      await clock.run(100);
      const kept = store.kept("o1");
      if (kept?.partial === true) halves++;
      assert.equal(b.registry.size("o1") >= 9_999, true);
    }
    assert.ok(halves > 30, `it was half written for ${halves} looks`);
    assert.deepEqual([b.gone, b.paths.length, store.kept("o1")?.partial], [["live/5000"], 9_999, false]);
  });

  it("complete what another root left half written", async () => {
    const [a, b] = await pair();
    const c = root();
    a.relay("o1", many(5_000));
    b.relay("o1", many(5_000));
    await clock.run(1_000);
    store.latencyMs = 200;
    await clock.run(2_000);
    store.nodes.delete("o1");
    await clock.runUntil(() => (store.kept("o1")?.holdings.size ?? 0) >= 1_000);
    a.close();
    await clock.run(20_000);
    assert.deepEqual([store.kept("o1")?.partial, store.kept("o1")?.holdings.size], [false, 5_000]);
    assert.deepEqual([b.gone, c.gone, c.paths.length], [[], [], 5_000]);
    store.latencyMs = 0;
    await clock.run(1_000);
    const { writes } = b.shared.counters;
    await clock.run(10 * LEASE_MS);
    assert.equal(b.shared.counters.writes, writes, "then nothing is written any more");
  });

  it("write more broadcasts of a relay than may be pending", async () => {
    const a = root();
    a.relay("o1", many(210_000));
    await clock.run(FOUND_MS);
    const kept = store.kept("o1");
    assert.deepEqual([kept?.holdings.size, kept?.partial], [210_000, false]);
  });
});
