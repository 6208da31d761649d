/** Links that are open before a track moves to them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FailoverCounters, gapsOf, Hitless, MeshSource } from "../../cluster/failover/index.ts";
import { WarmLinks } from "../../cluster/failover/warm-links.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MetricSources } from "../../moq/metrics.ts";
import { LIVE, TestViewer } from "../session/support.ts";
import { FakePeers, settle } from "./support.ts";

class Scene {
  readonly clock = new ManualClock();
  readonly peers = new FakePeers();
  refused = 0;
  readonly warm: WarmLinks;

  constructor(most = 4) {
    this.warm = new WarmLinks({
      peers: this.peers,
      most,
      refused: () => this.refused++,
    });
  }

  source(candidates: () => string[]): MeshSource {
    const metrics = new MetricSources();
    const counters: FailoverCounters = { failovers: 0, splices: 0, groupsResumed: 0, groupsLost: 0 };
    return new MeshSource({
      epoch: 7n,
      clock: this.clock,
      peers: this.peers,
      candidates,
      besides: () => [],
      warm: this.warm,
      hitless: new Hitless([], metrics),
      holdMs: 5_000,
      lostAs: "upstream",
      counters,
      gaps: gapsOf(metrics),
      idle: () => {},
      spent: () => {},
    });
  }

  users(node: string): number {
    return this.peers.relay(node).users.size;
  }
}

describe("a link kept for failover", () => {
  it("leads to the next relay, which is asked for nothing", async () => {
    const scene = new Scene();
    const source = scene.source(() => ["a", "b", "c"]);
    source.subscribe("live/a", "video", LIVE, new TestViewer());
    await settle();
    const b = scene.peers.relay("b");
    assert.equal(scene.users("b"), 1);
    assert.equal(scene.users("c"), 0);
    assert.deepEqual([b.subscriptions, b.asked, b.fetched], [[], [], []]);
  });

  it("leads to the one after that when the track has moved there", async () => {
    const scene = new Scene();
    const source = scene.source(() => ["a", "b", "c"]);
    const viewer = new TestViewer();
    source.subscribe("live/a", "video", LIVE, viewer);
    await settle();
    scene.peers.relay("a").taken(1).finish();
    scene.peers.relay("a").die();
    await settle();
    source.candidatesChanged();
    assert.equal(scene.peers.relay("b").subscriptions.length, 1);
    assert.equal(scene.users("c"), 1);
  });

  it("is closed with the last track", async () => {
    const scene = new Scene();
    const source = scene.source(() => ["a", "b"]);
    const upstream = source.subscribe("live/a", "video", LIVE, new TestViewer());
    await settle();
    upstream.cancel();
    assert.equal(scene.users("b"), 0);
    assert.equal(scene.warm.size, 0);
    assert.equal(scene.clock.pending, 0);
  });

  it("is not opened beyond the bound, which is counted, and is opened when there is room", async () => {
    const scene = new Scene(1);
    const [first, second] = [{}, {}];
    scene.warm.want(first, "a");
    scene.warm.want(second, "b");
    await settle();
    assert.deepEqual([scene.users("a"), scene.users("b"), scene.refused], [1, 0, 1]);
    scene.warm.want(first, undefined);
    assert.deepEqual([scene.users("a"), scene.users("b"), scene.warm.size], [0, 1, 1]);
  });

  it("is one for all tracks that need it", async () => {
    const scene = new Scene();
    const owners = Array.from({ length: 20 }, () => ({}));
    for (const owner of owners) scene.warm.want(owner, "b");
    await settle();
    assert.equal(scene.users("b"), 1);
    for (const owner of owners) scene.warm.want(owner, undefined);
    assert.equal(scene.users("b"), 0);
  });

  it("is not kept where the configuration says so", async () => {
    const scene = new Scene(0);
    scene.warm.want({}, "b");
    await settle();
    assert.deepEqual([scene.users("b"), scene.refused], [0, 0]);
  });
});
