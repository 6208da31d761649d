/** What the model does by policies: budgets of the cache, ages, bounds on tracks, priority of streams. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Broadcasts, type Publication } from "../../moq/model/broadcasts.ts";
import type { RefusedTrack } from "../../moq/model/policies.ts";
import type { Policy } from "../../moq/model/policy/index.ts";
import { rank } from "../../moq/model/rank.ts";
import { clock } from "./relay.ts";
import { AD, CACHE, FakeSource, FakeViewer, INFO, LIMITS, LIVE, say } from "./support.ts";

const kilobytes10 = "x".repeat(10_000);

/** A relay with policies, and what it refused. */
class World {
  readonly refused: RefusedTrack[] = [];
  readonly relay: Broadcasts;
  readonly #sources = new Map<string, FakeSource>();
  readonly #publications: Publication[] = [];

  constructor(policies: readonly Policy[], cacheBytes = CACHE.bytes) {
    const refused = (one: RefusedTrack) => void this.refused.push(one);
    this.relay = new Broadcasts({ clock, limits: LIMITS, cache: { ...CACHE, bytes: cacheBytes }, policies, refused });
  }

  set policies(policies: readonly Policy[]) {
    this.relay.reconfigure(LIMITS, { ...CACHE, bytes: this.relay.counters.cacheBudget }, policies);
  }

  /** A publisher of `path`. */
  source(path: string): FakeSource {
    const known = this.#sources.get(path);
    if (known !== undefined) return known;
    const source = new FakeSource({ answer: { ...INFO, maxLatency: 60_000 } });
    this.#sources.set(path, source);
    const publication = this.relay.publish(path, AD, source);
    if (typeof publication === "string") throw new Error(publication);
    this.#publications.push(publication);
    return source;
  }

  watch(path: string, options = LIVE, track = "video") {
    this.source(path);
    const viewer = new FakeViewer();
    const subscription = this.relay.subscribe(path, track, options, viewer);
    return { viewer, subscription };
  }

  /** Every publisher goes. */
  unpublish(): void {
    for (const publication of this.#publications.splice(0)) publication.end(true);
  }

  /** Sends `count` groups of 10 kB each. */
  send(path: string, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.source(path).send(i, kilobytes10);
  }

  /** The groups that a new viewer of all groups gets. */
  kept(path: string): number[] {
    const { viewer, subscription } = this.watch(path, { ...LIVE, start: 0, maxLatency: 60_000 });
    subscription?.cancel();
    return viewer.streams.map(({ sequence }) => sequence);
  }

  bytes(prefix: string): number {
    return this.relay.policies.cachedBytes(prefix) ?? Number.NaN;
  }
}

describe("a cache budget of a prefix", () => {
  it("evicts groups under that prefix and no others", () => {
    const world = new World([{ prefix: "live/a", cacheBytes: 50_000 }]);
    world.watch("live/a/cam");
    world.watch("live/b/cam");
    world.send("live/b/cam", 0, 5);
    world.send("live/a/cam", 0, 20);
    assert.deepEqual(world.kept("live/b/cam"), [0, 1, 2, 3, 4]);
    assert.deepEqual(world.kept("live/a/cam"), [16, 17, 18, 19]);
    assert.ok(world.bytes("live/a") <= 50_000);
  });

  it("is shared by everything under the prefix except what has a budget of a longer prefix", () => {
    const world = new World([
      { prefix: "live", cacheBytes: 50_000 },
      { prefix: "live/vip", cacheBytes: 200_000 },
    ]);
    for (const path of ["live/a", "live/b", "live/vip/cam"]) world.watch(path);
    world.send("live/vip/cam", 0, 15);
    world.send("live/a", 0, 4);
    world.send("live/b", 0, 4);
    assert.equal(world.kept("live/vip/cam").length, 15);
    assert.equal(world.kept("live/a").length + world.kept("live/b").length, 4);
    assert.deepEqual(
      world.kept("live/b"),
      [1, 2, 3],
      "the newest group of a watched track stays, others are evicted by age",
    );
  });

  it("never cuts what is live", () => {
    const world = new World([{ prefix: "live", cacheBytes: 1_000 }]);
    const { viewer } = world.watch("live/cam");
    const source = world.source("live/cam");
    for (let i = 0; i < 3; i++) {
      const group = source.group(i);
      for (let frame = 0; frame < 3; frame++) say(group, kilobytes10);
      group.finish();
    }
    assert.deepEqual(
      viewer.streams.map(({ state, text }) => `${state} ${text.length}`),
      ["finished 30021", "finished 30021", "finished 30021"],
    );
    assert.equal(world.relay.counters.boundsHit.cache_bytes, 3);
    assert.ok(world.bytes("live") <= 1_000);
  });

  it("keeps what is within it while others fill the budget of the process", () => {
    const world = new World([{ prefix: "vip", cacheBytes: 50_000 }], 100_000);
    world.watch("vip/cam");
    world.watch("other/cam");
    world.send("vip/cam", 0, 4);
    world.send("other/cam", 0, 30);
    assert.deepEqual(world.kept("vip/cam"), [0, 1, 2, 3]);
    assert.equal(world.kept("other/cam").length, 5);
    assert.ok(world.relay.cache.bytes <= 100_000);
  });

  it("gives way when the budgets together exceed that of the process, so that nobody is left without", () => {
    const world = new World([{ prefix: "vip", cacheBytes: 100_000 }], 50_000);
    world.watch("vip/cam");
    world.watch("other/cam");
    world.send("vip/cam", 0, 8);
    world.send("other/cam", 0, 1);
    assert.deepEqual(world.kept("other/cam"), [0]);
    assert.ok(world.relay.cache.bytes <= 50_000);
  });

  it("holds at once for what is kept already, and gives its bytes back when it is removed", () => {
    const world = new World([]);
    world.watch("live/a");
    world.watch("live/b");
    world.send("live/a", 0, 10);
    world.send("live/b", 0, 10);
    const before = world.relay.cache.bytes;
    world.policies = [{ prefix: "live/a", cacheBytes: 35_000 }];
    assert.deepEqual(world.kept("live/a"), [7, 8, 9]);
    assert.equal(world.kept("live/b").length, 10);
    assert.ok(world.bytes("live/a") <= 35_000);
    world.policies = [];
    world.send("live/a", 10, 7);
    assert.equal(world.kept("live/a").length, 10);
    assert.equal(world.relay.cache.bytes, before);
    world.relay.purge("");
    assert.equal(world.relay.cache.bytes, 0);
  });

  it("has no bytes charged after its viewers and publishers have gone", () => {
    const world = new World([{ prefix: "live", cacheBytes: 1_000_000 }]);
    const { subscription } = world.watch("live/a");
    world.send("live/a", 0, 5);
    subscription?.cancel();
    world.unpublish();
    clock.advance(60_000);
    assert.equal(world.bytes("live"), 0);
    assert.equal(world.relay.cache.bytes, 0);
    assert.equal(clock.pending, 0);
  });
});

it("the age of groups in the cache is that of the longest prefix", () => {
  const world = new World([{ prefix: "live/short", cacheMaxAgeMs: 1_000 }]);
  for (const path of ["live/short/cam", "live/other"]) world.watch(path);
  for (let i = 0; i < 5; i++) {
    for (const path of ["live/short/cam", "live/other"]) world.send(path, i, 1);
    clock.advance(1_000);
  }
  assert.deepEqual(world.kept("live/short/cam"), [3, 4]);
  assert.deepEqual(world.kept("live/other"), [0, 1, 2, 3, 4]);
});

describe("a bound on the tracks of a prefix", () => {
  it("refuses another track with a count and a report, and gives the places of unused tracks away", () => {
    const world = new World([{ prefix: "live", tracks: 2 }]);
    const first = world.watch("live/a", LIVE, "video");
    world.watch("live/b", LIVE, "video");
    const refused = world.watch("live/a", LIVE, "audio");
    assert.deepEqual(refused.viewer.log, ["closed limit"]);
    assert.equal(world.relay.counters.boundsHit.policy_tracks, 1);
    assert.deepEqual(
      world.refused.map(({ refusal, path, track }) => ({ ...refusal, path, track })),
      [{ bound: "tracks", prefix: "live", most: 2, path: "live/a", track: "audio" }],
    );
    assert.equal(
      world.watch("live/b", LIVE, "video").viewer.log.includes("closed limit"),
      false,
      "it is in use already",
    );
    assert.equal(world.watch("elsewhere", LIVE, "audio").viewer.log.includes("closed limit"), false);
    // The track of the viewer that left lingers, and makes room.
    world.send("live/a", 0, 1);
    first.subscription?.cancel();
    assert.equal(world.watch("live/c", LIVE, "audio").viewer.log.includes("closed limit"), false);
  });

  it("ends nothing when it falls below what is in use", () => {
    const world = new World([]);
    const viewers = ["live/a", "live/b", "live/c"].map((path) => world.watch(path).viewer);
    world.policies = [{ prefix: "live", tracks: 1 }];
    for (const viewer of viewers)
      assert.equal(
        viewer.log.some((line) => line.startsWith("closed")),
        false,
      );
    assert.deepEqual(world.watch("live/d").viewer.log, ["closed limit"]);
  });
});

describe("the priority of a prefix", () => {
  const policies = [
    { prefix: "live/vip", priority: 6 },
    { prefix: "live/bulk", priority: 1 },
  ];

  it("decides before the priorities of viewer and publisher", () => {
    const world = new World(policies);
    const priorityOf = (path: string, priority: number) => {
      const { viewer } = world.watch(path, { ...LIVE, priority });
      world.send(path, 0, 1);
      return viewer.streams[0]?.priority ?? -1;
    };
    const [vip, plain, bulk] = [priorityOf("live/vip/a", 0), priorityOf("live/a", 255), priorityOf("live/bulk/a", 255)];
    assert.equal(vip, rank(6, 0, INFO.priority, 0));
    assert.equal(plain, rank(4, 255, INFO.priority, 0));
    assert.ok(vip > plain && plain > bulk);
    assert.ok(rank(7, 255, 255, 0) < 2 ** 31 - 1, "below control messages");
    assert.ok(rank(0, 0, 0, 1e9) >= 0);
    assert.ok(rank(1, 0, 0, 1e9) > rank(0, 255, 255, 0));
  });

  it("holds for new subscriptions when it changes", () => {
    const world = new World([]);
    const before = world.watch("live/vip/a").viewer;
    world.policies = policies;
    const after = world.watch("live/vip/a").viewer;
    world.send("live/vip/a", 0, 1);
    assert.equal(before.streams[0]?.priority, rank(4, LIVE.priority, INFO.priority, 0));
    assert.equal(after.streams[0]?.priority, rank(6, LIVE.priority, INFO.priority, 0));
  });
});
