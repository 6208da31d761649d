import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ClockBound, MAX_AHEAD_MS } from "../../cluster/clock-bound.ts";
import { REPORT_MAX_MS, Registry } from "../../cluster/registry/registry.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { holdingOf, nodeInfo, REGISTRY } from "./support.ts";

const LEASE_MS = 10_000;

function registryOf(bounds: { maxNodes?: number; maxHoldings?: number } = {}) {
  const clock = new ManualClock();
  const registry = new Registry({ ...REGISTRY, clock, leaseMs: LEASE_MS, maxNodes: 10, maxHoldings: 10, ...bounds });
  const log: string[] = [];
  const noting = (name: string) => ({
    holding: ({ path, node }: { path: string; node: string }) => void log.push(`${name} +${path} ${node}`),
    holdingGone: ({ path, node }: { path: string; node: string }) => void log.push(`${name} -${path} ${node}`),
  });
  const paths = () => [...registry.under("")].map(({ path, node }) => `${path} ${node}`).sort();
  return { clock, registry, log, noting, paths };
}

describe("the registry", () => {
  it("notifies watchers of a prefix, a path or everything, and no others", () => {
    const { registry, log, noting } = registryOf();
    const session = {};
    registry.register(nodeInfo("o1"), session);
    registry.watchUnder("live", noting("live"));
    registry.watchExact("live/a", noting("exact"));
    registry.watchUnder("liv", noting("other"));
    const stop = registry.watchUnder("", noting("all"));
    assert.equal(registry.hold(holdingOf("live/a", "o1"), session), true);
    stop();
    registry.release("live/a", "o1", session);
    assert.deepEqual(log, [
      "all +live/a o1",
      "live +live/a o1",
      "exact +live/a o1",
      "live -live/a o1",
      "exact -live/a o1",
    ]);
  });

  it("notifies watchers of a relay's rivals of the paths that the relay holds, and of no others", () => {
    const { registry, log, noting } = registryOf();
    const [one, two] = [{}, {}];
    registry.register(nodeInfo("o1"), one);
    registry.register(nodeInfo("o2"), two);
    const stop = registry.watchRivals("o1", noting("o1"));
    registry.hold(holdingOf("live/a", "o2"), two);
    registry.hold(holdingOf("live/b", "o2"), two);
    assert.deepEqual(log, [], "it holds neither");
    registry.hold(holdingOf("live/a", "o1"), one);
    registry.hold(holdingOf("live/a", "o2", { cost: 2 }), two);
    registry.release("live/b", "o2", two);
    registry.release("live/a", "o2", two);
    registry.release("live/a", "o1", one);
    registry.hold(holdingOf("live/a", "o2"), two);
    stop();
    registry.hold(holdingOf("live/a", "o1"), one);
    assert.deepEqual(log, ["o1 +live/a o1", "o1 +live/a o2", "o1 -live/a o2"]);
  });

  it("keeps the holdings of a lost relay for a lease, and removes those of a leaving relay at once", () => {
    const { clock, registry, paths } = registryOf();
    const [one, two] = [{}, {}];
    registry.register(nodeInfo("o1"), one);
    registry.register(nodeInfo("o2"), two);
    registry.hold(holdingOf("live/a", "o1"), one);
    registry.hold(holdingOf("live/b", "o2"), two);
    registry.lost(one);
    registry.unregister("o2", two);
    assert.deepEqual(paths(), ["live/a o1"]);
    assert.deepEqual(
      [...registry.nodes()].map(({ info, present }) => [info.node, present]),
      [["o1", false]],
    );
    clock.advance(LEASE_MS - 1);
    assert.deepEqual(paths(), ["live/a o1"]);
    clock.advance(2);
    assert.deepEqual(paths(), []);
    assert.deepEqual(registry.counts, { nodes: 0, broadcasts: 0, holdings: 0 });
    assert.equal(clock.pending, 0);
  });

  it("notifies of nothing when a relay comes back in time, and releases what it does not report again", () => {
    const { clock, registry, log, noting, paths } = registryOf();
    const [before, after] = [{}, {}];
    registry.register(nodeInfo("o1"), before);
    for (const path of ["live/a", "live/b"]) registry.hold(holdingOf(path, "o1"), before);
    registry.lost(before);
    registry.watchUnder("", noting("w"));
    clock.advance(1_000);
    assert.equal(registry.register(nodeInfo("o1", "origin", { startedAt: 2 }), after), true);
    registry.hold(holdingOf("live/b", "o1"), after);
    // The old session ends late: it speaks for no relay any more.
    registry.release("live/b", "o1", before);
    registry.lost(before);
    registry.complete(before);
    clock.advance(LEASE_MS);
    assert.deepEqual(paths(), ["live/a o1", "live/b o1"], "it may not have told all yet");
    registry.complete(after);
    assert.deepEqual(paths(), ["live/b o1"]);
    assert.deepEqual(log, ["w +live/b o1", "w -live/a o1"]);
  });

  it("treats a relay as fully reported after a bounded time, even when it never says so", () => {
    const { clock, registry, paths } = registryOf();
    const [before, after] = [{}, {}];
    registry.register(nodeInfo("o1"), before);
    registry.hold(holdingOf("live/a", "o1"), before);
    registry.lost(before);
    registry.register(nodeInfo("o1"), after);
    clock.advance(REPORT_MAX_MS - 1);
    assert.deepEqual(paths(), ["live/a o1"]);
    clock.advance(1);
    assert.deepEqual(paths(), []);
    assert.equal(registry.counts.nodes, 1);
  });

  it("refuses the earlier of two starts with one name, and what a session says about another relay", () => {
    const { registry, paths } = registryOf();
    const [one, two] = [{}, {}];
    registry.register(nodeInfo("o1", "origin", { startedAt: 5 }), one);
    assert.equal(registry.register(nodeInfo("o1", "origin", { startedAt: 4 }), two), false);
    assert.equal(registry.hold(holdingOf("live/a", "o1"), two), false);
    registry.unregister("o1", two);
    assert.deepEqual(paths(), []);
    assert.equal(registry.counts.nodes, 1);
  });

  it("leaves a name to the relay that came first, where no token or certificate names one", () => {
    const { clock, registry } = registryOf();
    const [first, other] = [{}, {}];
    const stranger = nodeInfo("o1", "origin", { hop: 2n, url: "https://elsewhere:443", startedAt: 9 });
    registry.register(nodeInfo("o1"), first);
    registry.hold(holdingOf("live/a", "o1"), first);
    assert.equal(registry.register(stranger, other), false);
    registry.lost(first);
    assert.equal(registry.register(stranger, other), false, "it may come back before its lease is over");
    assert.equal(registry.get("o1")?.url, "https://o1:443");
    clock.advance(LEASE_MS);
    assert.equal(registry.register(stranger, other), true);
  });

  it("accepts a new start of a relay at its URL, and a new session of the same process at any URL", () => {
    const { registry } = registryOf();
    registry.register(nodeInfo("o1"), {});
    assert.equal(registry.register(nodeInfo("o1", "origin", { hop: 2n, startedAt: 2 }), {}), true);
    const moved = nodeInfo("o1", "origin", { hop: 2n, startedAt: 2, url: "https://moved:443" });
    assert.equal(registry.register(moved, {}), true);
  });

  it("gives a name to the session whose token has it, and after that to no session without one", () => {
    const { registry } = registryOf();
    const elsewhere = nodeInfo("o1", "origin", { hop: 2n, url: "https://elsewhere:443", startedAt: 2 });
    registry.register(nodeInfo("o1"), {});
    assert.equal(registry.register(elsewhere, {}, true), true);
    const later = { ...elsewhere, hop: 3n, startedAt: 3 };
    assert.equal(registry.register(later, {}), false, "the same URL is no identity");
    assert.equal(registry.register(later, {}, true), true);
  });

  it("refuses starts and epochs that are far ahead of its clock", () => {
    const clock = new ManualClock();
    const refused: string[] = [];
    let count = 0;
    const clocks = new ClockBound({
      clock,
      wallNow: () => 1_000_000,
      refused: () => void count++,
      report: (node, aheadMs) => refused.push(`${node} ${aheadMs}`),
    });
    const registry = new Registry({ ...REGISTRY, clock, clocks, leaseMs: LEASE_MS, maxNodes: 10, maxHoldings: 10 });
    const session = {};
    const limit = 1_000_000 + MAX_AHEAD_MS;
    assert.equal(registry.register(nodeInfo("o1", "origin", { startedAt: limit + 1 }), session), false);
    assert.equal(registry.register(nodeInfo("o1", "origin", { startedAt: limit }), session), true);
    assert.equal(registry.hold(holdingOf("live/a", "o1", { epoch: BigInt(limit) }), session), true);
    assert.equal(registry.hold(holdingOf("live/a", "o1", { epoch: 2n ** 62n - 1n }), session), false);
    assert.equal(registry.holding("live/a", "o1")?.epoch, BigInt(limit));
    assert.deepEqual([count, refused], [2, [`o1 ${MAX_AHEAD_MS + 1}`]], "all are counted, some are reported");
  });

  it("is bounded", () => {
    const { registry } = registryOf({ maxNodes: 1, maxHoldings: 2 });
    const session = {};
    assert.equal(registry.register(nodeInfo("o1"), session), true);
    assert.equal(registry.register(nodeInfo("o2"), {}), false);
    const held = ["a", "b", "c"].map((path) => registry.hold(holdingOf(path, "o1"), session));
    assert.deepEqual(held, [true, true, false]);
    assert.equal(registry.hold(holdingOf("a", "o1", { epoch: 2n }), session), true, "an update is no further one");
  });
});

describe("a large registry", () => {
  it("holds a hundred thousand broadcasts in bounded memory", (t) => {
    const count = 100_000;
    const { registry } = registryOf({ maxNodes: 500, maxHoldings: count });
    const sessions = Array.from({ length: 100 }, (_, n) => ({ n }));
    for (const [n, session] of sessions.entries()) registry.register(nodeInfo(`o${n}`), session);
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < count; n++) {
      const node = `o${n % 100}`;
      registry.hold(
        holdingOf(`tenant-${n % 50}/room-${n}`, node, { epoch: BigInt(n), hops: [1n, 2n] }),
        sessions[n % 100] ?? {},
      );
    }
    const each = (process.memoryUsage().heapUsed - before) / count;
    t.diagnostic(`${Math.round(each)} bytes a broadcast`);
    assert.equal(registry.counts.holdings, count);
    assert.equal([...registry.under("tenant-7")].length, count / 50);
    assert.ok(each < 1_500, `${each} bytes`);
  });
});
