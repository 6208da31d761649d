/** A track that is taken from one relay after the other, and is one track to its viewers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MeshSource, type SpliceCounters } from "../../cluster/splice/index.ts";
import { LIVE, TestGroup, TestViewer } from "../session/support.ts";
import { ManualClock } from "../support/clock.ts";
import { FakePeers, frame, settle } from "./support.ts";

const HOLD_MS = 5_000;

class Scene {
  readonly clock = new ManualClock();
  readonly peers = new FakePeers();
  readonly counters: SpliceCounters = { failovers: 0, splices: 0, groupsResumed: 0, groupsLost: 0 };
  readonly viewer = new TestViewer();
  candidates: string[] = ["a", "b"];
  idle = 0;
  spent = 0;
  readonly source = new MeshSource({
    clock: this.clock,
    peers: this.peers,
    candidates: () => this.candidates,
    holdMs: HOLD_MS,
    counters: this.counters,
    idle: () => this.idle++,
    spent: () => this.spent++,
  });

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

  /** The relay is gone: it is no candidate while it is down. */
  async die(node: "a" | "b"): Promise<void> {
    this.candidates = this.candidates.filter((one) => one !== node);
    this.peers.relay(node).die();
    await settle();
  }
}

describe("a relay that dies", () => {
  it("inside a group: the next one goes on with it where it stopped, and nothing comes twice", async () => {
    const scene = new Scene();
    await scene.watch();
    const first = scene.a.taken(7);
    frame(first, "one");
    frame(first, "two");
    await scene.die("a");
    assert.equal(scene.b.last.options.start, 7);
    const second = scene.b.taken(7);
    for (const text of ["one", "two", "three"]) frame(second, text);
    second.finish();
    assert.deepEqual(scene.viewer.told, ["7 finished one|two|three"]);
    assert.deepEqual(scene.counters, { failovers: 1, splices: 0, groupsResumed: 1, groupsLost: 0 });
  });

  it("inside a frame: its bytes go on where they stopped", async () => {
    const scene = new Scene();
    await scene.watch();
    const first = scene.a.taken(3);
    frame(first, "whole");
    first.frame(6, 5);
    first.payload(Buffer.from("abc"));
    await scene.die("a");
    const second = scene.b.taken(3);
    frame(second, "whole");
    second.frame(6, 5);
    second.payload(Buffer.from("ab"));
    second.payload(Buffer.from("cd"));
    second.payload(Buffer.from("ef"));
    second.end();
    second.finish();
    assert.deepEqual(scene.viewer.told, ["3 finished whole|abcdef"]);
    assert.deepEqual(scene.viewer.groups[0]?.timestamps, [0, 5]);
  });

  it("and whose group another one has otherwise: it is reset, and the next counts", async () => {
    const scene = new Scene();
    await scene.watch();
    const first = scene.a.taken(3);
    first.frame(6, 5);
    first.payload(Buffer.from("abc"));
    await scene.die("a");
    const second = scene.b.taken(3);
    second.frame(4, 5);
    frame(scene.b.taken(4), "next");
    assert.deepEqual(scene.viewer.told, ["3 upstream ", "4 open next"]);
  });

  it("between groups: the next one is asked for the group after the newest", async () => {
    const scene = new Scene();
    await scene.watch();
    const first = scene.a.taken(7);
    frame(first, "one");
    first.finish();
    await scene.die("a");
    assert.equal(scene.b.last.options.start, 8);
    assert.equal(scene.b.group(7), "duplicate");
  });

  it("and whose group nobody brings: it is reset when the next one says where it starts", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(7), "one");
    await scene.die("a");
    scene.b.last.sink.started(9);
    frame(scene.b.taken(9), "later");
    assert.deepEqual(scene.viewer.told, ["7 upstream one", "9 open later"]);
    assert.equal(scene.counters.groupsLost, 1);
  });

  it("with no other: the track is kept for a while, goes on when one is back, and ends when none is", async () => {
    const scene = new Scene();
    scene.candidates = ["a"];
    await scene.watch();
    frame(scene.a.taken(1), "one");
    await scene.die("a");
    scene.clock.advance(HOLD_MS - 1_000);
    await settle();
    scene.a.up = true;
    scene.candidates = ["a"];
    scene.source.candidatesChanged();
    await settle();
    const again = scene.a.taken(1);
    frame(again, "one");
    frame(again, "two");
    again.finish();
    assert.deepEqual(scene.viewer.told, ["1 finished one|two"]);
    await scene.die("a");
    scene.clock.advance(HOLD_MS + 1);
    assert.deepEqual(scene.viewer.log.at(-1), "closed upstream");
    assert.equal(scene.spent, 1);
    assert.equal(scene.source.idle, true);
    assert.equal(scene.clock.pending, 0);
  });
});

describe("a relay that asks to leave", () => {
  it("sends on until the other one has begun, and no group comes twice or is cut", async () => {
    const scene = new Scene();
    await scene.watch();
    const running = scene.a.taken(1);
    frame(running, "one");
    scene.candidates = ["b", "a"];
    scene.a.leave();
    await settle();
    assert.equal(scene.b.last.options.start, 2);
    assert.equal(scene.a.last.cancelled, false);
    const next = scene.b.taken(2);
    frame(next, "next");
    assert.equal(scene.a.group(2), "duplicate");
    frame(running, "two");
    running.finish();
    assert.equal(scene.a.last.cancelled, true);
    next.finish();
    assert.deepEqual(scene.viewer.told, ["1 finished one|two", "2 finished next"]);
    assert.deepEqual(scene.counters, { failovers: 0, splices: 1, groupsResumed: 0, groupsLost: 0 });
  });
});

describe("a better relay", () => {
  it("takes over once it has been better for a while, not before", async () => {
    const scene = new Scene();
    scene.candidates = ["b", "a"];
    await scene.watch();
    frame(scene.b.taken(1), "one");
    scene.candidates = ["a", "b"];
    scene.source.candidatesChanged();
    scene.clock.advance(4_000);
    await settle();
    assert.equal(scene.a.subscriptions.length, 0);
    scene.clock.advance(1_500);
    await settle();
    assert.equal(scene.a.subscriptions.length, 1);
  });
});

describe("a relay that takes over", () => {
  async function goingOver() {
    const scene = new Scene();
    scene.candidates = ["b", "a"];
    await scene.watch();
    scene.b.taken(1).finish();
    scene.candidates = ["a", "b"];
    scene.source.candidatesChanged();
    scene.clock.advance(5_500);
    await settle();
    return scene;
  }

  it("does so with a group that the other one was faster with, begun or whole, and brings all that follow", async () => {
    for (const whole of [false, true]) {
      const scene = await goingOver();
      const second = scene.b.taken(2);
      frame(second, "two");
      if (whole) second.finish();
      assert.equal(scene.a.group(2), "duplicate");
      assert.equal(scene.b.group(3), "duplicate", "it is the new relay's, however late");
      if (!whole) second.finish();
      const third = scene.a.taken(3);
      third.finish();
      scene.clock.advance(3_000);
      assert.equal(scene.b.last.cancelled, true);
      assert.deepEqual(scene.viewer.told, ["1 finished ", "2 finished two", "3 finished "]);
      assert.deepEqual(scene.counters, { failovers: 0, splices: 1, groupsResumed: 0, groupsLost: 0 });
    }
  });

  it("leaves to the other one what that is late with, and everything when it is gone itself", async () => {
    const scene = await goingOver();
    const third = scene.a.taken(3);
    const old = scene.b.last;
    const second = scene.b.taken(2);
    assert.equal(scene.b.group(4), "duplicate");
    third.finish();
    scene.candidates = ["b"];
    scene.a.die();
    const fourth = old.sink.group(4);
    assert.ok(typeof fourth !== "string", "nobody else brings it");
    second.finish();
    fourth.finish();
    assert.deepEqual(scene.viewer.told.toSorted(), ["1 finished ", "2 finished ", "3 finished ", "4 finished "]);
  });
});

describe("what relays answer", () => {
  it("not_found by all of them is the track's answer", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.a.last.sink.closed("not_found");
    await settle();
    scene.b.last.sink.closed("not_found");
    assert.deepEqual(scene.viewer.log, ["closed not_found"]);
  });

  it("properties and single groups are asked of the next one where the first cannot be reached", async () => {
    const scene = new Scene();
    scene.a.up = false;
    const answers: unknown[] = [];
    scene.source.info("live/a", "video", (answer) => answers.push(answer));
    const group = new TestGroup(4, true);
    scene.source.fetch("live/a", "video", 4, 0, group);
    await settle();
    await settle();
    scene.b.asked[0]?.({ priority: 1, ordered: false, maxLatency: 2, timescale: 3 });
    const [writer] = scene.b.fetches;
    assert.ok(writer);
    frame(writer, "got");
    writer.finish();
    assert.deepEqual(answers, [{ priority: 1, ordered: false, maxLatency: 2, timescale: 3 }]);
    assert.deepEqual([group.state, group.frames], ["finished", ["got"]]);
    assert.equal(scene.source.idle, true);
  });

  it("a track that is given up lets go of every link", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.viewer.upstream?.cancel();
    assert.equal(scene.a.last.cancelled, true);
    assert.equal(scene.a.users.size, 0);
    assert.equal(scene.idle, 1);
    assert.equal(scene.clock.pending, 0);
  });
});
