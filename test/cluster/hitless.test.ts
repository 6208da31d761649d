/** A track under a hitless prefix: taken from two relays at once, and one track to its viewers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FailoverCounters, gapsOf, HITLESS_METRICS, Hitless, MeshSource } from "../../cluster/failover/index.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MetricSources } from "../../moq/metrics.ts";
import type { SubgroupWriter } from "../../moq/model/contract.ts";
import { datagramGroup, wholeGroup } from "../../moq/model/locations.ts";
import { LIVE, TestViewer } from "../session/support.ts";
import { FakePeers, frame, settle } from "./support.ts";

const HOLD_MS = 5_000;
const PATH = "live/a";

class Scene {
  readonly clock = new ManualClock();
  readonly peers = new FakePeers();
  readonly counters: FailoverCounters = { failovers: 0, splices: 0, groupsResumed: 0, groupsLost: 0 };
  readonly metrics = new MetricSources();
  readonly gaps = gapsOf(this.metrics);
  readonly hitless: Hitless;
  readonly viewer = new TestViewer();
  candidates: string[] = ["a", "b"];
  spent = 0;
  readonly source: MeshSource;

  constructor(prefixes: readonly string[] = ["/live/"]) {
    this.hitless = new Hitless(prefixes, this.metrics);
    this.source = new MeshSource({
      epoch: 7n,
      clock: this.clock,
      peers: this.peers,
      candidates: () => this.candidates,
      besides: (first) => this.candidates.filter((node) => node !== first),
      warm: { want: () => {} },
      hitless: this.hitless,
      holdMs: HOLD_MS,
      lostAs: "upstream",
      counters: this.counters,
      gaps: this.gaps,
      idle: () => {},
      spent: () => this.spent++,
    });
  }

  get a() {
    return this.peers.relay("a");
  }

  get b() {
    return this.peers.relay("b");
  }

  get c() {
    return this.peers.relay("c");
  }

  get state(): string | undefined {
    return this.source.protectionOf("video")?.state;
  }

  /** Both relays are subscribed to, and `a` has said that it starts at `first`. */
  async watch(first = 7): Promise<void> {
    this.viewer.upstream = this.source.subscribe(PATH, "video", LIVE, this.viewer);
    await settle();
    this.a.last.sink.started(first);
    await settle();
  }

  async die(node: "a" | "b" | "c"): Promise<void> {
    this.candidates = this.candidates.filter((one) => one !== node);
    this.peers.relay(node).die();
    await settle();
    this.source.candidatesChanged();
    await settle();
  }

  /** Relays come back, or are new. */
  async come(...nodes: string[]): Promise<void> {
    this.candidates = nodes;
    for (const node of nodes) this.peers.relay(node).up = true;
    this.source.candidatesChanged();
    await settle();
  }
}

/** What the viewer has learned of the end of the track. */
function ends({ viewer }: Scene): string[] {
  return viewer.log.filter((line) => /^(ended|closed)/.test(line));
}

function begin(writer: SubgroupWriter, size: number, ...parts: string[]): void {
  writer.object(size, 0);
  for (const part of parts) writer.payload(Buffer.from(part));
}

describe("a track under a hitless prefix", () => {
  it("is taken from two relays, and of each frame the first copy is passed on", async () => {
    const scene = new Scene();
    await scene.watch();
    assert.equal(scene.b.last.options.start, 7);
    assert.deepEqual(scene.b.epochs, [7n]);
    const [a, b] = [scene.a.taken(7), scene.b.taken(7)];
    frame(a, "one");
    frame(b, "one");
    frame(b, "two");
    frame(a, "two");
    frame(a, "three");
    frame(b, "three");
    assert.deepEqual(scene.viewer.groupLines, ["7 open one|two|three"]);
    a.finish();
    b.finish();
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two|three"]);
    assert.equal(scene.state, "protected");
    assert.equal(scene.hitless.counters.duplicateBytes, "onetwothree".length);
  });

  it("is passed on byte by byte: each byte when its first copy comes", async () => {
    const scene = new Scene();
    await scene.watch();
    const [a, b] = [scene.a.taken(7), scene.b.taken(7)];
    begin(a, 6, "ab");
    begin(b, 6, "a", "bcd");
    a.payload(Buffer.from("cde"));
    b.payload(Buffer.from("ef"));
    assert.equal(scene.viewer.groups[0]?.bytes, 6);
    b.end();
    a.payload(Buffer.from("f"));
    a.end();
    frame(a, "next");
    assert.deepEqual(scene.viewer.groupLines, ["7 open abcdef|next"]);
  });

  for (const dying of ["a", "b"] as const) {
    it(`continues with the next byte at once when the relay ${dying} dies inside a frame`, async () => {
      const scene = new Scene();
      await scene.watch();
      const other = dying === "a" ? "b" : "a";
      const ahead = scene.peers.relay(dying).taken(7);
      const behind = scene.peers.relay(other).taken(7);
      frame(ahead, "one");
      begin(ahead, 6, "abc");
      await scene.die(dying);
      frame(behind, "one");
      begin(behind, 6, "ab", "cd", "ef");
      behind.end();
      behind.finish();
      frame(scene.peers.relay(other).taken(8), "next");
      assert.deepEqual(scene.viewer.groupLines, ["7 finished one|abcdef", "8 open next"]);
      assert.equal(scene.hitless.counters.carried, 1);
      assert.equal(scene.counters.groupsLost, 0);
      assert.equal(scene.gaps.sum, 0);
    });
  }

  it("has another second relay when one dies, and the first one again when that comes back", async () => {
    const scene = new Scene();
    scene.candidates = ["a", "b", "c"];
    await scene.watch();
    frame(scene.a.taken(7), "one");
    frame(scene.b.taken(7), "one");
    await scene.die("b");
    assert.equal(scene.c.last.options.start, 7);
    assert.equal(scene.state, "starting");
    frame(scene.c.taken(7), "one");
    assert.equal(scene.state, "protected");
    await scene.die("a");
    assert.equal(scene.state, "second_refused", "b was lost less than a second ago");
    await scene.come("a", "c");
    frame(scene.a.taken(7), "one");
    assert.equal(scene.state, "protected");
    assert.deepEqual(scene.viewer.groupLines, ["7 open one"]);
  });

  it("uses one relay where there is no other one, says so, and takes a second one that appears", async () => {
    const scene = new Scene();
    scene.candidates = ["a"];
    await scene.watch();
    const a = scene.a.taken(7);
    frame(a, "one");
    assert.equal(scene.state, "no_second_route");
    await scene.come("a", "b");
    assert.equal(scene.b.last.options.start, 7);
    frame(scene.b.taken(7), "one");
    assert.equal(scene.state, "protected");
    const [samples] = [scene.metrics.samples(HITLESS_METRICS.metrics.tracks)];
    assert.deepEqual(samples[0], [{ state: "protected" }, 1]);
  });

  it("asks a second relay that refuses again after 1 s, then after 2 s, and after 1 s once it has delivered", async () => {
    const scene = new Scene();
    await scene.watch();
    const refuse = async (waitMs: number) => {
      const asked = scene.b.subscriptions.length;
      scene.b.last.sink.closed("not_found");
      assert.equal(scene.state, "second_refused");
      scene.clock.advance(waitMs - 1);
      await settle();
      assert.equal(scene.b.subscriptions.length, asked);
      scene.clock.advance(1);
      await settle();
      assert.equal(scene.b.subscriptions.length, asked + 1);
    };
    await refuse(1_000);
    await refuse(2_000);
    scene.b.taken(7).finish();
    await refuse(1_000);
  });

  it("with two relays, one of which dies, is taken once from the other one, without a gap", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(7), "one");
    const second = scene.b.taken(7);
    frame(second, "one");
    await scene.die("a");
    const [before, moved] = scene.b.subscriptions;
    assert.equal(moved?.options.start, 7);
    frame(second, "two");
    const again = scene.b.taken(7);
    for (const text of ["one", "two"]) frame(again, text);
    frame(second, "three");
    assert.equal(before?.cancelled, false, "until a new group has begun");
    frame(scene.b.taken(8), "next");
    assert.equal(before?.cancelled, true);
    for (const text of ["three", "four"]) frame(again, text);
    again.finish();
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two|three|four", "8 open next"]);
    assert.equal(scene.state, "no_second_route");
    await scene.come("a", "b");
    frame(scene.a.taken(8), "next");
    assert.equal(scene.state, "protected");
  });

  it("ends when the first relay refuses the track, and asks no second one", async () => {
    const scene = new Scene();
    scene.viewer.upstream = scene.source.subscribe(PATH, "video", LIVE, scene.viewer);
    await settle();
    scene.candidates = ["a"];
    scene.a.last.sink.closed("not_found");
    assert.deepEqual(scene.viewer.log, ["closed not_found"]);
    assert.equal(scene.b.subscriptions.length, 0);
    assert.equal(scene.clock.pending, 0);
  });

  it("goes on with the second relay when the publisher of the first one alone ends it", async () => {
    const scene = new Scene();
    await scene.watch();
    const [a, b] = [scene.a.taken(7), scene.b.taken(7)];
    for (const writer of [a, b]) frame(writer, "one");
    scene.a.last.sink.ended(8);
    scene.a.last.sink.closed(undefined);
    frame(b, "two");
    b.finish();
    await settle();
    frame(scene.b.subscriptions[0]?.sink.subgroup(wholeGroup(8)) as SubgroupWriter, "three");
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two", "8 open three"]);
    assert.deepEqual(ends(scene), [], "the viewer has not learned of an end");
    scene.b.taken(9).finish();
    assert.equal(scene.viewer.groupLines.at(-1), "9 finished ");
    assert.equal(scene.source.relayOf("video"), "b");
    scene.b.last.sink.ended(10);
    scene.b.last.sink.closed(undefined);
    assert.deepEqual(ends(scene), ["ended 10", "closed cleanly"]);
    scene.clock.advance(2_000);
    assert.equal(scene.clock.pending, 0);
  });

  for (const again of ["ends", "refuses"] as const) {
    it(`ends cleanly with the last groups of both relays, and leaves nothing behind (the second one ${again} it when asked again)`, async () => {
      const scene = new Scene();
      await scene.watch();
      const [a, b] = [scene.a.taken(7), scene.b.taken(7)];
      frame(a, "one");
      scene.a.last.sink.ended(8);
      scene.a.last.sink.closed(undefined);
      for (const text of ["one", "two"]) frame(b, text);
      b.finish();
      const second = scene.b.last;
      await settle();
      second.sink.closed(undefined);
      assert.equal(scene.b.subscriptions.length, 2);
      scene.b.last.sink.closed(again === "ends" ? undefined : "not_found");
      assert.deepEqual(ends(scene), ["ended 8", "closed cleanly"]);
      assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two"]);
      scene.clock.advance(2_000);
      assert.deepEqual([second.cancelled, scene.clock.pending, scene.state], [true, 0, undefined]);
    });
  }

  it("ends cleanly when the second relay has ended it before the first one, or before it is asked again", async () => {
    for (const first of ["a", "b"] as const) {
      const scene = new Scene();
      await scene.watch();
      for (const node of first === "a" ? [scene.a, scene.b] : [scene.b, scene.a]) node.last.sink.closed(undefined);
      assert.deepEqual(ends(scene), ["closed cleanly"]);
      scene.clock.advance(2_000);
      assert.equal(scene.clock.pending, 0);
    }
  });

  it("ends cleanly when the first relay has ended it and the second one is lost, after a wait for another one", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.b.taken(7), "one");
    scene.a.last.sink.closed(undefined);
    scene.candidates = ["b"];
    await scene.die("b");
    assert.deepEqual(ends(scene), []);
    scene.clock.advance(HOLD_MS + 1);
    assert.deepEqual(ends(scene), ["closed cleanly"]);
    scene.clock.advance(2_000);
    assert.deepEqual([scene.clock.pending, scene.spent], [0, 0]);
  });

  it("ends once when both relays have ended it while the second one took no further subscription", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.b.taken(7), "one");
    const second = scene.b.last;
    scene.a.last.sink.closed(undefined);
    await settle();
    assert.equal(scene.b.subscriptions.length, 2);
    scene.b.last.sink.closed("limit");
    second.sink.closed(undefined);
    assert.deepEqual(ends(scene), ["closed cleanly"]);
    const asked = scene.a.subscriptions.length + scene.b.subscriptions.length;
    scene.clock.advance(1_000);
    assert.equal(scene.a.subscriptions.length + scene.b.subscriptions.length, asked, "no relay is asked again");
    scene.clock.advance(1_000);
    assert.deepEqual([ends(scene), scene.clock.pending], [["closed cleanly"], 0]);
  });

  it("has a second relay again after the publisher of that relay alone has ended, and has come back", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.a.taken(7).finish();
    scene.b.group(7);
    scene.b.last.sink.closed(undefined);
    scene.clock.advance(2_000);
    assert.equal(scene.state, "second_refused");
    scene.clock.advance(1_000);
    await settle();
    assert.deepEqual([scene.b.subscriptions.length, scene.b.last.options.start], [2, 8]);
    scene.a.taken(8).finish();
    scene.b.group(8);
    assert.deepEqual([scene.state, scene.viewer.groupLines.length], ["protected", 2]);
    scene.viewer.upstream?.cancel();
    assert.equal(scene.clock.pending, 0);
  });

  it("waits as any other track while both relays are gone, and then ends", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(7), "one");
    frame(scene.b.taken(7), "one");
    await scene.die("b");
    await scene.die("a");
    scene.clock.advance(HOLD_MS + 1);
    assert.deepEqual(scene.viewer.log.at(-1), "closed upstream");
    assert.deepEqual(scene.viewer.groupLines, ["7 upstream one"]);
    assert.equal(scene.spent, 1);
    assert.equal(scene.clock.pending, 0);
  });
});

describe("the slower one of two relays", () => {
  it("holds nothing: what the other one has finished is dropped, and its rest is stopped", async () => {
    const scene = new Scene();
    await scene.watch();
    const slow = scene.b.taken(7);
    let stopped: string | undefined;
    slow.onStop((reason) => {
      stopped = reason;
    });
    frame(slow, "one");
    for (const group of [7, 8, 9]) {
      const fast = scene.a.taken(group);
      for (const text of ["one", "two"]) frame(fast, text);
      fast.finish();
    }
    assert.equal(stopped, "duplicate");
    frame(slow, "two");
    slow.finish();
    assert.equal(scene.b.group(8), "duplicate");
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two", "8 finished one|two", "9 finished one|two"]);
  });

  it("is named when it is a second behind, and another relay takes its place where there is one", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(7), "one");
    frame(scene.b.taken(7), "one");
    for (const group of [8, 9]) {
      scene.a.taken(group).finish();
      scene.clock.advance(1_100);
    }
    assert.equal(scene.state, "source_behind");
    scene.candidates = ["a", "b", "c"];
    const before = scene.b.last;
    scene.a.taken(10).finish();
    await settle();
    assert.equal(scene.c.last.options.start, 11);
    assert.equal(before.cancelled, false);
    scene.a.taken(11).finish();
    assert.equal(scene.c.group(11), "duplicate");
    assert.equal(before.cancelled, true);
    assert.equal(scene.state, "protected");
  });

  it("may be the first one: the second one's groups are passed on, also when it has reset them", async () => {
    const scene = new Scene();
    await scene.watch();
    const slow = scene.a.taken(7);
    frame(slow, "one");
    const fast = scene.b.taken(7);
    for (const text of ["one", "two"]) frame(fast, text);
    slow.reset("expired");
    fast.finish();
    frame(scene.b.taken(8), "next");
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two", "8 open next"]);
  });

  it("sends no group again that is no longer remembered", async () => {
    const scene = new Scene();
    await scene.watch(0);
    for (let group = 0; group < 1_000; group++) scene.a.taken(group).finish();
    assert.equal(scene.b.group(3), "expired");
    assert.equal(scene.b.group(999), "duplicate");
    assert.equal(scene.viewer.groups.length, 1_000);
  });

  it("ends a group that both have left unfinished after a bounded time", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.b.taken(7), "one");
    await scene.die("b");
    assert.deepEqual(scene.viewer.groupLines, ["7 open one"]);
    scene.clock.advance(5_000);
    assert.deepEqual(scene.viewer.groupLines, ["7 upstream one"]);
    assert.equal(scene.counters.groupsLost, 1);
  });
});

describe("two relays with different content under one epoch", () => {
  it("are not merged: the one that began the frame counts, the other one is left", async () => {
    const scene = new Scene();
    await scene.watch();
    const [a, b] = [scene.a.taken(7), scene.b.taken(7)];
    begin(a, 6, "abc");
    begin(b, 4, "wxyz");
    a.payload(Buffer.from("def"));
    a.end();
    a.finish();
    assert.deepEqual(scene.viewer.groupLines, ["7 finished abcdef"]);
    assert.equal(scene.hitless.counters.differences, 1);
    assert.equal(scene.state, "content_differs");
    assert.equal(scene.b.group(8), "duplicate");
    assert.equal(scene.b.last.cancelled, true);
    frame(scene.a.taken(8), "next");
    assert.deepEqual(scene.viewer.groupLines, ["7 finished abcdef", "8 open next"]);
    assert.equal(scene.state, "content_differs");
  });
});

describe("two relays that share a group out over subgroups in different ways", () => {
  type Taken = Readonly<Record<0 | 1, SubgroupWriter>>;

  /** Both subgroups of group 7 at one relay; one that has all objects in subgroup 0 has no other. */
  function subgroup(relay: Scene["a"], id: 0 | 1): SubgroupWriter {
    const begun = relay.last.sink.subgroup({ group: 7, subgroup: id, firstObject: true, endsGroup: false });
    if (typeof begun === "string") throw new Error(begun);
    return begun;
  }

  function put(writer: SubgroupWriter, id: number): void {
    writer.object(2, 0, id);
    writer.payload(Buffer.from(`o${id}`));
    writer.end();
  }

  const flat = (writer: SubgroupWriter, ids: readonly number[]) => {
    for (const id of ids) put(writer, id);
  };
  const layered = (taken: Taken, ids: readonly number[]) => {
    for (const id of ids) put(taken[id % 2 === 0 ? 0 : 1], id);
  };

  for (const first of ["the flat one", "the layered one"] as const) {
    for (const ahead of ["the flat one", "the layered one"] as const) {
      it(`are not merged where ${first} is the first, and ${ahead} is ahead`, async () => {
        const scene = new Scene();
        await scene.watch();
        const [one, two] = first === "the flat one" ? [scene.a, scene.b] : [scene.b, scene.a];
        const all = subgroup(one, 0);
        const taken: Taken = [subgroup(two, 0), subgroup(two, 1)];
        const ids = [0, 1, 2, 3, 4, 5];
        if (ahead === "the flat one") {
          flat(all, ids);
          layered(taken, ids);
        } else {
          layered(taken, ids);
          flat(all, ids);
        }
        assert.equal(scene.hitless.counters.differences, 1);
        assert.equal(scene.state, "content_differs");
        const refused = scene.b.last.sink.subgroup({ group: 8, subgroup: 0, firstObject: true, endsGroup: true });
        assert.equal(refused, "duplicate");
      });
    }
  }

  it("are merged where both leave the same ids out, wherever a copy begins", async () => {
    const scene = new Scene();
    await scene.watch();
    const [a, b] = [scene.a, scene.b].map((relay): Taken => [subgroup(relay, 0), subgroup(relay, 1)]);
    if (a === undefined || b === undefined) throw new Error("two relays");
    const ids = [0, 1, 4, 5, 6, 9, 12];
    layered(a, ids.slice(0, 4));
    layered(b, ids.slice(0, 6));
    layered(a, ids.slice(4));
    layered(b, ids.slice(6));
    for (const { 0: base, 1: upper } of [a, b]) {
      base.status("end_of_group", 13);
      base.finish();
      upper.finish();
    }
    assert.equal(scene.hitless.counters.differences, 0);
    assert.equal(scene.state, "protected");
  });
});

describe("datagrams from two relays", () => {
  it("are passed on once", async () => {
    const scene = new Scene();
    await scene.watch();
    const log = () => scene.viewer.log.filter((line) => line.startsWith("datagram"));
    scene.a.last.sink.datagram(datagramGroup(1, 0, Buffer.from("x")));
    scene.b.last.sink.datagram(datagramGroup(1, 0, Buffer.from("x")));
    scene.b.last.sink.datagram(datagramGroup(2, 0, Buffer.from("y")));
    scene.a.last.sink.datagram(datagramGroup(2, 0, Buffer.from("y")));
    assert.deepEqual(log(), ["datagram 1 0 x", "datagram 2 0 y"]);
  });

  it("are passed on once, however far the slower relay is behind", async () => {
    const scene = new Scene();
    await scene.watch();
    for (const node of [scene.a, scene.b]) {
      for (let n = 0; n < 2_000; n++) node.last.sink.datagram(datagramGroup(n, 0, Buffer.from("x")));
    }
    assert.equal(scene.viewer.log.filter((line) => line.startsWith("datagram")).length, 2_000);
  });
});

describe("a relay that leaves while it is the second one", () => {
  it("delivers until another relay has begun", async () => {
    const scene = new Scene();
    scene.candidates = ["a", "b", "c"];
    await scene.watch();
    frame(scene.a.taken(7), "one");
    frame(scene.b.taken(7), "one");
    scene.b.leave();
    await settle();
    assert.equal(scene.b.last.cancelled, false);
    frame(scene.c.taken(7), "one");
    assert.equal(scene.b.last.cancelled, true);
    assert.equal(scene.state, "protected");
  });

  it("stays the second one where there is no other", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(7), "one");
    frame(scene.b.taken(7), "one");
    scene.b.leave();
    await settle();
    assert.equal(scene.b.subscriptions.length, 1);
    assert.equal(scene.b.last.cancelled, false);
  });
});

describe("prefixes that change while a track flows", () => {
  it("protect it from the next group on, and leave the second relay when they are removed", async () => {
    const scene = new Scene([]);
    await scene.watch();
    const first = scene.a.taken(7);
    frame(first, "one");
    assert.equal(scene.b.subscriptions.length, 0);
    assert.equal(scene.state, undefined);
    scene.hitless.use(["live"]);
    await settle();
    assert.equal(scene.b.last.options.start, 8);
    assert.equal(scene.b.group(7), "duplicate", "the group that flows is not merged");
    frame(first, "two");
    first.finish();
    const [a, b] = [scene.a.taken(8), scene.b.taken(8)];
    frame(b, "one");
    frame(a, "one");
    assert.equal(scene.state, "protected");
    scene.hitless.use(["other"]);
    assert.equal(scene.b.last.cancelled, true);
    frame(b, "not wanted");
    frame(a, "two");
    a.finish();
    frame(scene.a.taken(9), "alone");
    scene.hitless.use(["live"]);
    await settle();
    assert.equal(scene.b.last.options.start, 10);
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two", "8 finished one|two", "9 open alone"]);
  });
});
