/** A relay that falls silent while its link is up: tracks move at once, and do not move to and fro. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FailoverCounters, gapsOf, Hitless, MeshSource } from "../../cluster/failover/index.ts";
import { Suspicions } from "../../cluster/links/suspicions.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MetricSources } from "../../moq/metrics.ts";
import { FetchIntoGroup } from "../../moq/model/fetched-group.ts";
import { groupRange } from "../../moq/model/locations.ts";
import { LIVE, TestGroup, TestViewer } from "../session/support.ts";
import { FakePeers, frame, settle } from "./support.ts";

class Scene {
  readonly clock = new ManualClock();
  readonly peers = new FakePeers();
  readonly counters: FailoverCounters = { failovers: 0, splices: 0, groupsResumed: 0, groupsLost: 0 };
  readonly viewer = new TestViewer();
  candidates = ["a", "b"];
  readonly source: MeshSource;

  constructor(lostAs: "upstream" | "unroutable" = "upstream") {
    this.source = new MeshSource({
      epoch: 7n,
      clock: this.clock,
      peers: this.peers,
      candidates: () => this.candidates.toSorted((a, b) => Number(this.#silent(a)) - Number(this.#silent(b))),
      besides: (first) => this.candidates.filter((node) => node !== first),
      warm: { want: () => {} },
      hitless: new Hitless([], new MetricSources()),
      holdMs: 5_000,
      lostAs,
      counters: this.counters,
      gaps: gapsOf(new MetricSources()),
      idle: () => {},
      spent: () => {},
    });
  }

  get a() {
    return this.peers.relay("a");
  }

  get b() {
    return this.peers.relay("b");
  }

  async watch(): Promise<void> {
    this.viewer.upstream = this.source.subscribe("live/a", "video", LIVE, this.viewer);
    await settle();
  }

  #silent(node: string): boolean {
    const { silent, inDoubt } = this.peers.relay(node);
    return silent || inDoubt;
  }
}

describe("a track whose relay falls silent", () => {
  it("goes on at another relay inside the group, and the silent relay is asked for nothing more", async () => {
    const scene = new Scene();
    await scene.watch();
    const first = scene.a.taken(7);
    frame(first, "one");
    scene.a.fallSilent();
    await settle();
    assert.equal(scene.a.last.cancelled, true);
    assert.equal(scene.b.last.options.start, 7);
    const second = scene.b.taken(7);
    for (const text of ["one", "two"]) frame(second, text);
    // What was under way from the silent relay arrives late.
    frame(first, "two");
    second.finish();
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two"]);
    assert.equal(scene.counters.failovers, 1);
  });

  describe("that knows no way to the broadcast any more", () => {
    async function lostWay(): Promise<Scene> {
      const scene = new Scene();
      scene.candidates = ["a", "b", "c"];
      await scene.watch();
      frame(scene.a.taken(7), "one");
      scene.a.last.sink.closed("unroutable");
      await settle();
      assert.equal(scene.b.last.options.start, 7);
      scene.clock.advance(59);
      assert.equal(scene.peers.relay("c").subscriptions.length, 0);
      return scene;
    }

    it("asks a further relay when the next one does not deliver either, and takes the one that does first", async () => {
      const scene = await lostWay();
      scene.clock.advance(1);
      await settle();
      const c = scene.peers.relay("c");
      assert.equal(c.last.options.start, 7);
      // The order of the candidates may change meanwhile.
      scene.source.candidatesChanged();
      const rest = c.taken(7);
      for (const text of ["one", "two"]) frame(rest, text);
      assert.deepEqual(scene.viewer.groupLines, ["7 open one|two"]);
      assert.equal(scene.b.last.cancelled, true);
      assert.equal(scene.source.relayOf("video"), "c");
    });

    it("leaves the further relay when the next one delivers after all", async () => {
      const scene = await lostWay();
      scene.clock.advance(1);
      await settle();
      frame(scene.b.taken(7), "one");
      assert.equal(scene.peers.relay("c").last.cancelled, true);
      assert.equal(scene.source.relayOf("video"), "b");
    });

    it("asks no further relay when the next one has delivered", async () => {
      const scene = await lostWay();
      frame(scene.b.taken(7), "one");
      scene.clock.advance(1_000);
      await settle();
      assert.equal(scene.peers.relay("c").subscriptions.length, 0);
    });
  });

  it("stays at the other relay when the first one answers again", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.a.taken(7).finish();
    scene.a.fallSilent();
    await settle();
    scene.b.taken(8).finish();
    // Still in doubt, so still last.
    scene.source.candidatesChanged();
    scene.clock.advance(60_000);
    assert.equal(scene.a.subscriptions.length, 1);
    assert.equal(scene.b.last.cancelled, false);
  });

  it("stays at a relay that answers again, though another one is in doubt no more before it", async () => {
    const scene = new Scene();
    await scene.watch();
    // This relay's own network was away: all others were silent.
    scene.b.silent = true;
    scene.a.fallSilent();
    const group = scene.a.taken(7);
    frame(group, "one");
    scene.a.silent = false;
    scene.a.inDoubt = true;
    scene.b.silent = false;
    scene.source.candidatesChanged();
    scene.clock.advance(2_000);
    scene.a.inDoubt = false;
    scene.source.candidatesChanged();
    scene.clock.advance(60_000);
    await settle();
    assert.deepEqual([scene.a.last.cancelled, scene.b.subscriptions.length], [false, 0]);
    assert.equal(scene.counters.failovers, 0);
  });

  it("goes to a relay that is in doubt and answers, where there is no better one", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.a.taken(7).finish();
    scene.b.inDoubt = true;
    scene.a.fallSilent();
    await settle();
    assert.equal(scene.b.last.options.start, 8);
  });

  it("waits for the relay where there is no other", async () => {
    const scene = new Scene();
    scene.candidates = ["a"];
    await scene.watch();
    const group = scene.a.taken(7);
    frame(group, "one");
    scene.a.fallSilent();
    frame(group, "two");
    assert.equal(scene.a.last.cancelled, false);
    assert.deepEqual(scene.viewer.groupLines, ["7 open one|two"]);
  });

  it("moves as soon as there is another relay", async () => {
    const scene = new Scene();
    scene.candidates = ["a"];
    await scene.watch();
    scene.a.taken(7).finish();
    scene.a.fallSilent();
    scene.candidates = ["a", "b"];
    scene.source.candidatesChanged();
    await settle();
    assert.equal(scene.b.last.options.start, 8);
  });

  it("ends at once at a relay that serves relays and has no other, because those may know another way", async () => {
    const scene = new Scene("unroutable");
    scene.candidates = ["a"];
    await scene.watch();
    scene.a.taken(7).finish();
    scene.a.fallSilent();
    assert.equal(scene.viewer.log.at(-1), "closed unroutable");
  });

  it("fetches the rest of a group from the next relay when the silent one was asked for it", async () => {
    const scene = new Scene();
    scene.candidates = ["a", "b", "c"];
    await scene.watch();
    frame(scene.a.taken(7), "one");
    scene.a.fallSilent();
    await settle();
    scene.b.last.sink.started(8);
    assert.deepEqual(scene.b.fetched, [7]);
    scene.b.fallSilent();
    await settle();
    const c = scene.peers.relay("c");
    c.last.sink.started(8);
    assert.deepEqual(c.fetched, [7]);
    const [fetched] = c.fetches;
    assert.ok(fetched);
    for (const text of ["one", "two"]) frame(fetched, text);
    fetched.finish();
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two"]);
  });

  it("asks the next relay for a group that a viewer fetches", async () => {
    const scene = new Scene();
    const wanted = new TestGroup(3, true);
    scene.source.fetch("live/a", "video", groupRange(3), 1, new FetchIntoGroup(wanted));
    await settle();
    assert.deepEqual(scene.a.fetched, [3]);
    scene.a.fallSilent();
    await settle();
    const [fetched] = scene.b.fetches;
    assert.ok(fetched);
    frame(fetched, "one");
    fetched.finish();
    assert.deepEqual([wanted.state, wanted.frames], ["finished", ["one"]]);
  });
});

describe("a track that moves to a relay which is better again", () => {
  it("moves without a group when none comes for five seconds, so that it is not taken from two relays for long", async () => {
    const scene = new Scene();
    scene.candidates = ["b"];
    await scene.watch();
    scene.b.taken(7).finish();
    scene.candidates = ["a", "b"];
    scene.source.candidatesChanged();
    scene.clock.advance(5_000);
    await settle();
    assert.equal(scene.a.last.options.start, 8);
    assert.equal(scene.b.last.cancelled, false);
    scene.clock.advance(5_000);
    assert.equal(scene.b.last.cancelled, true);
  });
});

describe("a relay that was suspected", () => {
  it("is in doubt for longer each time, and at most for a minute", () => {
    const clock = new ManualClock();
    const suspicions = new Suspicions({ clock, random: () => 1, changed: () => {} });
    const doubtMs: number[] = [];
    for (let i = 0; i < 7; i++) {
      suspicions.add("a");
      clock.advance(100);
      suspicions.answered("a");
      const from = clock.now();
      while (suspicions.has("a")) clock.advance(100);
      doubtMs.push(clock.now() - from);
    }
    assert.deepEqual(doubtMs, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it("is forgotten after five minutes without another suspicion, and when it restarts", () => {
    const clock = new ManualClock();
    const changes: string[] = [];
    const suspicions = new Suspicions({ clock, random: () => 1, changed: (node) => void changes.push(node) });
    suspicions.add("a");
    suspicions.answered("a");
    clock.advance(2_000);
    assert.deepEqual(suspicions.nodes, []);
    clock.advance(300_000);
    assert.equal(clock.pending, 0);
    suspicions.add("b");
    suspicions.forget("b");
    assert.deepEqual(suspicions.nodes, []);
    assert.deepEqual(changes, ["a", "a", "a", "b", "b"]);
  });
});
