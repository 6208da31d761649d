/** A track that is taken from one relay after the other, and is one track to its viewers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FailoverCounters, gapsOf, Hitless, MeshSource } from "../../cluster/failover/index.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MetricSources } from "../../moq/metrics.ts";
import { FetchIntoGroup } from "../../moq/model/fetched-group.ts";
import { groupRange } from "../../moq/model/locations.ts";
import { LIVE, TestGroup, TestViewer } from "../session/support.ts";
import { FakePeers, frame, settle } from "./support.ts";

const HOLD_MS = 5_000;
const EPOCH = 7n;

class Scene {
  readonly clock = new ManualClock();
  readonly peers = new FakePeers();
  readonly counters: FailoverCounters = { failovers: 0, splices: 0, groupsResumed: 0, groupsLost: 0 };
  readonly gaps = gapsOf(new MetricSources());
  readonly viewer = new TestViewer();
  candidates: string[] = ["a", "b"];
  idle = 0;
  spent = 0;
  readonly source = new MeshSource({
    epoch: EPOCH,
    clock: this.clock,
    peers: this.peers,
    candidates: () => this.candidates,
    besides: (first) => this.candidates.filter((node) => node !== first),
    warm: { want: () => {} },
    hitless: new Hitless([], new MetricSources()),
    holdMs: HOLD_MS,
    lostAs: "upstream",
    counters: this.counters,
    gaps: this.gaps,
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
  it("leaves a gap, counted from its loss until the next relay begins a group", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.a.taken(7).finish();
    scene.candidates = ["b"];
    await scene.die("a");
    scene.clock.advance(700);
    assert.equal(scene.gaps.sum, 0);
    scene.b.taken(8).finish();
    scene.b.taken(9).finish();
    assert.equal(scene.gaps.sum, 0.7);
    assert.equal(
      scene.gaps.counts.reduce((all, count) => all + count, 0),
      1,
    );
  });

  it("inside a group: the next relay continues it where it stopped, and nothing is sent twice", async () => {
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
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two|three"]);
    assert.deepEqual(scene.counters, { failovers: 1, splices: 0, groupsResumed: 1, groupsLost: 0 });
  });

  it("inside a frame: the next relay continues with the next byte", async () => {
    const scene = new Scene();
    await scene.watch();
    const first = scene.a.taken(3);
    frame(first, "whole");
    first.object(6, 5);
    first.payload(Buffer.from("abc"));
    await scene.die("a");
    const second = scene.b.taken(3);
    frame(second, "whole");
    second.object(6, 5);
    second.payload(Buffer.from("ab"));
    second.payload(Buffer.from("cd"));
    second.payload(Buffer.from("ef"));
    second.end();
    second.finish();
    assert.deepEqual(scene.viewer.groupLines, ["3 finished whole|abcdef"]);
    assert.deepEqual(scene.viewer.groups[0]?.timestamps, [0, 5]);
  });

  it("and whose group differs at the next relay: it is reset, and the following group is sent", async () => {
    const scene = new Scene();
    await scene.watch();
    const first = scene.a.taken(3);
    first.object(6, 5);
    first.payload(Buffer.from("abc"));
    await scene.die("a");
    const second = scene.b.taken(3);
    second.object(4, 5);
    frame(scene.b.taken(4), "next");
    assert.deepEqual(scene.viewer.groupLines, ["3 upstream ", "4 open next"]);
  });

  it("between groups: the next relay is asked for the group after the newest", async () => {
    const scene = new Scene();
    await scene.watch();
    const first = scene.a.taken(7);
    frame(first, "one");
    first.finish();
    await scene.die("a");
    assert.equal(scene.b.last.options.start, 8);
    assert.equal(scene.b.group(7), "duplicate");
  });

  it("and whose unfinished group the next relay does not send by itself: the rest is fetched", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(7), "one");
    await scene.die("a");
    scene.b.last.sink.started(9);
    assert.deepEqual(scene.b.fetched, [7]);
    const [fetched] = scene.b.fetches;
    assert.ok(fetched);
    for (const text of ["one", "two"]) frame(fetched, text);
    fetched.finish();
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one|two"]);
    assert.equal(scene.counters.groupsLost, 0);
  });

  it("before groups that were never begun: they are fetched after a wait for the next relay", async () => {
    const scene = new Scene();
    await scene.watch();
    const first = scene.a.taken(7);
    frame(first, "one");
    first.finish();
    await scene.die("a");
    const later = scene.b.taken(9);
    frame(later, "later");
    later.finish();
    assert.deepEqual(scene.b.fetched, []);
    scene.clock.advance(1_000);
    assert.deepEqual(scene.b.fetched, [8]);
    const [fetched] = scene.b.fetches;
    assert.ok(fetched);
    frame(fetched, "between");
    fetched.finish();
    assert.deepEqual(scene.viewer.groupLines, ["7 finished one", "9 finished later", "8 finished between"]);
  });

  it("and whose publisher numbers groups by time: no group in between is fetched", async () => {
    const scene = new Scene();
    await scene.watch();
    for (const sequence of [33_333, 66_667, 100_000]) scene.a.taken(sequence).finish();
    frame(scene.a.taken(133_333), "one");
    await scene.die("a");
    scene.b.taken(166_667).finish();
    scene.clock.advance(1_000);
    assert.deepEqual(scene.b.fetched, [133_333], "only what was begun");
  });

  it("and whose group no relay has: it is reset when the next relay does not have it either", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(7), "one");
    await scene.die("a");
    scene.b.last.sink.started(9);
    frame(scene.b.taken(9), "later");
    scene.b.fetches[0]?.reset("not_found");
    assert.deepEqual(scene.viewer.groupLines, ["7 upstream one", "9 open later"]);
    assert.equal(scene.counters.groupsLost, 1);
  });

  it("and whose group is fetched without an answer: it is reset after a bounded time", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(7), "one");
    await scene.die("a");
    scene.b.last.sink.started(9);
    scene.clock.advance(5_000);
    assert.deepEqual(scene.viewer.groupLines, ["7 upstream one"]);
  });

  it("while a group is fetched from it: the next relay is asked for that group", async () => {
    const scene = new Scene();
    scene.candidates = ["a", "b", "c"];
    await scene.watch();
    frame(scene.a.taken(7), "one");
    await scene.die("a");
    scene.b.last.sink.started(9);
    frame(scene.b.taken(9), "later");
    await scene.die("b");
    scene.b.fetches[0]?.reset("upstream");
    await settle();
    assert.equal(scene.peers.relay("c").last.options.start, 7);
    assert.equal(scene.counters.groupsLost, 0);
  });

  it("without another relay: the track waits, continues when one is back, and ends when none is", async () => {
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
    assert.deepEqual(scene.viewer.groupLines, ["1 finished one|two"]);
    await scene.die("a");
    scene.clock.advance(HOLD_MS + 1);
    assert.deepEqual(scene.viewer.log.at(-1), "closed upstream");
    assert.equal(scene.spent, 1);
    assert.equal(scene.source.idle, true);
    assert.equal(scene.clock.pending, 0);
  });
});

describe("a relay that asks to leave", () => {
  it("sends until the next relay has begun, and no group is sent twice or cut", async () => {
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
    assert.deepEqual(scene.viewer.groupLines, ["1 finished one|two", "2 finished next"]);
    assert.deepEqual(scene.counters, { failovers: 0, splices: 1, groupsResumed: 0, groupsLost: 0 });
  });
});

describe("the former relay after a move", () => {
  it("is left after the group that it has begun, even when it is always ahead of the next one", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(1), "one");
    scene.candidates = ["b", "a"];
    scene.a.leave();
    await settle();
    const ahead = scene.a.taken(2);
    frame(ahead, "two");
    assert.equal(scene.b.group(2), "duplicate");
    assert.equal(scene.a.group(3), "duplicate");
    frame(scene.b.taken(3), "three");
    assert.equal(scene.a.last.cancelled, false);
  });

  it("does not end its group when its own publisher goes", async () => {
    const scene = new Scene();
    await scene.watch();
    const cut = scene.a.taken(1);
    frame(cut, "one");
    scene.candidates = ["b", "a"];
    scene.a.leave();
    await settle();
    scene.b.last.sink.started(2);
    assert.equal(scene.b.group(1), "duplicate");
    cut.reset("replaced");
    assert.deepEqual(scene.viewer.groupLines, ["1 open one"]);
    scene.clock.advance(1_000);
    assert.deepEqual(scene.b.fetched, [1]);
  });

  it("delivers until its long group ends, and no group of the next relay", async () => {
    const scene = new Scene();
    await scene.watch();
    const long = scene.a.taken(1);
    frame(long, "one");
    scene.candidates = ["b", "a"];
    scene.a.leave();
    await settle();
    frame(scene.b.taken(2), "next");
    assert.equal(scene.a.group(3), "duplicate");
    scene.clock.advance(9_000);
    frame(long, "two");
    long.finish();
    assert.equal(scene.a.last.cancelled, true);
    assert.deepEqual(scene.viewer.groupLines, ["1 finished one|two", "2 open next"]);
  });

  it("dies before its group has ended: the rest is fetched from the next relay at once", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(1), "one");
    scene.candidates = ["b", "a"];
    scene.a.leave();
    await settle();
    scene.b.last.sink.started(2);
    frame(scene.b.taken(2), "next");
    await scene.die("a");
    scene.clock.advance(1_000);
    assert.deepEqual(scene.b.fetched, [1]);
    const [rest] = scene.b.fetches;
    assert.ok(rest);
    for (const text of ["one", "two"]) frame(rest, text);
    rest.finish();
    assert.deepEqual(scene.viewer.groupLines, ["1 finished one|two", "2 open next"]);
  });
});

describe("a track that has ended", () => {
  it("still receives groups that its end has overtaken", async () => {
    const scene = new Scene();
    await scene.watch();
    const open = scene.a.taken(1);
    frame(open, "one");
    scene.a.last.sink.ended(3);
    scene.a.last.sink.closed(undefined);
    frame(open, "two");
    open.finish();
    const last = scene.a.taken(2);
    frame(last, "last");
    last.finish();
    assert.deepEqual(scene.viewer.log, ["ended 3", "closed cleanly"]);
    assert.deepEqual(scene.viewer.groupLines, ["1 finished one|two", "2 finished last"]);
    scene.candidates = ["b", "a"];
    scene.source.candidatesChanged();
    await settle();
    assert.equal(scene.b.subscriptions.length, 0);
    scene.clock.advance(2_000);
    assert.equal(scene.source.idle, true);
    assert.equal(scene.clock.pending, 0);
  });
});

describe("a better relay", () => {
  it("takes over only after it has been better for a while", async () => {
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

  it("does so with a group that the former relay sent first, begun or whole, and delivers all that follow", async () => {
    for (const whole of [false, true]) {
      const scene = await goingOver();
      const second = scene.b.taken(2);
      frame(second, "two");
      if (whole) second.finish();
      assert.equal(scene.a.group(2), "duplicate");
      // One that has nothing more to bring was left at once.
      assert.equal(scene.b.group(3), whole ? "cancelled" : "duplicate", "it is the new relay's, however late");
      if (!whole) second.finish();
      const third = scene.a.taken(3);
      third.finish();
      scene.clock.advance(3_000);
      assert.equal(scene.b.last.cancelled, true);
      assert.deepEqual(scene.viewer.groupLines, ["1 finished ", "2 finished two", "3 finished "]);
      assert.deepEqual(scene.counters, { failovers: 0, splices: 1, groupsResumed: 0, groupsLost: 0 });
    }
  });

  it("is left for one that became better meanwhile, and not awaited when the former one is the best again", async () => {
    const scene = await goingOver();
    scene.candidates = ["b", "a"];
    scene.source.candidatesChanged();
    assert.equal(scene.a.last.cancelled, true);
    scene.candidates = ["a"];
    scene.source.candidatesChanged();
    await settle();
    assert.equal(scene.a.subscriptions.length, 2);
    scene.candidates = ["c", "a"];
    scene.a.taken(2).finish();
    scene.clock.advance(5_500);
    await settle();
    assert.equal(scene.peers.relay("c").subscriptions.length, 1);
  });
});

describe("a relay that has another epoch", () => {
  it("is asked for the epoch of the route, in every request", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.source.info("live/a", "video", () => {});
    scene.source.fetch("live/a", "video", groupRange(4), 0, new FetchIntoGroup(new TestGroup(4, true)));
    await settle();
    assert.deepEqual(scene.a.epochs, [EPOCH, EPOCH, EPOCH]);
  });

  it("ends no track: relays are asked until one has it, and the track waits for `hold` at most", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.a.last.sink.closed("replaced");
    await settle();
    scene.b.last.sink.closed("replaced");
    await settle();
    assert.deepEqual(scene.viewer.log, []);
    scene.clock.advance(250);
    await settle();
    assert.equal(scene.a.subscriptions.length, 2);
    frame(scene.a.taken(0), "new");
    assert.deepEqual(scene.viewer.groupLines, ["0 open new"]);
    scene.a.last.sink.closed("replaced");
    for (let waited = 0; waited <= HOLD_MS; waited += 250) {
      await settle();
      for (const relay of [scene.a, scene.b]) if (relay.users.size > 0) relay.last.sink.closed("replaced");
      await settle();
      for (const relay of [scene.a, scene.b]) if (relay.users.size > 0) relay.last.sink.closed("replaced");
      scene.clock.advance(250);
    }
    assert.equal(scene.viewer.log.at(-1), "closed upstream");
    assert.equal(scene.spent, 1);
    assert.equal(scene.clock.pending, 0);
  });

  it("is asked again when the candidates change", async () => {
    const scene = new Scene();
    scene.candidates = ["a"];
    await scene.watch();
    scene.a.last.sink.closed("replaced");
    await settle();
    scene.source.candidatesChanged();
    await settle();
    assert.equal(scene.a.subscriptions.length, 2);
  });

  it("gets the track back once it has the epoch, where it is the better relay", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.a.last.sink.closed("replaced");
    await settle();
    scene.b.taken(1).finish();
    scene.clock.advance(5_500);
    await settle();
    assert.equal(scene.a.subscriptions.length, 2);
    scene.a.taken(2).finish();
    assert.equal(scene.b.last.cancelled, true);
    assert.deepEqual(scene.viewer.groupLines, ["1 finished ", "2 finished "]);
  });

  it("loses no group that it was to fetch: the next relay is asked for the group", async () => {
    const scene = new Scene();
    scene.candidates = ["a", "b", "c"];
    await scene.watch();
    frame(scene.a.taken(7), "one");
    await scene.die("a");
    scene.b.last.sink.started(9);
    assert.deepEqual(scene.b.fetched, [7]);
    scene.b.fetches[0]?.reset("replaced");
    assert.deepEqual(scene.viewer.groupLines, ["7 open one"]);
    scene.b.last.sink.closed("replaced");
    await settle();
    assert.equal(scene.peers.relay("c").last.options.start, 7);
    assert.equal(scene.counters.groupsLost, 0);
  });

  it("answers for no other relay: properties and single groups come from the next one, or from it later", async () => {
    const scene = new Scene();
    const answers: unknown[] = [];
    scene.source.info("live/a", "video", (answer) => answers.push(typeof answer === "string" ? answer : "known"));
    await settle();
    scene.a.asked[0]?.("replaced");
    await settle();
    scene.b.asked[0]?.("replaced");
    scene.clock.advance(250);
    await settle();
    assert.deepEqual(answers, []);
    scene.a.asked[1]?.({ priority: 1, ordered: false, maxLatency: 2, timescale: 3 });
    assert.deepEqual(answers, ["known"]);
    const group = new TestGroup(4, true);
    scene.source.fetch("live/a", "video", groupRange(4), 0, new FetchIntoGroup(group));
    await settle();
    scene.a.fetches[0]?.reset("replaced");
    await settle();
    const [writer] = scene.b.fetches;
    assert.ok(writer);
    frame(writer, "got");
    writer.finish();
    assert.deepEqual([group.state, group.frames], ["finished", ["got"]]);
    assert.equal(scene.source.idle, true);
    scene.clock.advance(250);
    assert.equal(scene.clock.pending, 0);
  });

  it("is asked after the others for a moment", async () => {
    const scene = new Scene();
    scene.source.info("live/a", "video", () => {});
    await settle();
    scene.a.asked[0]?.("replaced");
    await settle();
    await scene.watch();
    assert.deepEqual([scene.a.subscriptions.length, scene.b.subscriptions.length], [0, 1]);
    scene.viewer.upstream?.cancel();
    scene.clock.advance(250);
    await scene.watch();
    assert.deepEqual([scene.a.subscriptions.length, scene.b.subscriptions.length], [1, 1]);
  });
});

describe("what relays answer", () => {
  it("not_found by all of them ends the track with not_found", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.a.last.sink.closed("not_found");
    await settle();
    scene.b.last.sink.closed("not_found");
    assert.deepEqual(scene.viewer.log, ["closed not_found"]);
  });

  it("for properties and single groups come from the next relay where the first cannot be reached", async () => {
    const scene = new Scene();
    scene.a.up = false;
    const answers: unknown[] = [];
    scene.source.info("live/a", "video", (answer) => answers.push(answer));
    const group = new TestGroup(4, true);
    scene.source.fetch("live/a", "video", groupRange(4), 0, new FetchIntoGroup(group));
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

  it("of a single group before it failed is not sent again with what the next relay answers", async () => {
    const scene = new Scene();
    const group = new TestGroup(4, true);
    scene.source.fetch("live/a", "video", groupRange(4), 0, new FetchIntoGroup(group));
    await settle();
    const [first] = scene.a.fetches;
    assert.ok(first);
    frame(first, "one");
    first.object(6, 0);
    first.payload(Buffer.from("abc"));
    first.reset("upstream");
    await settle();
    const [second] = scene.b.fetches;
    assert.ok(second);
    for (const text of ["one", "abcdef", "three"]) frame(second, text);
    second.finish();
    assert.deepEqual([group.state, group.frames], ["finished", ["one", "abcdef", "three"]]);
  });

  it("is asked of the relay that delivers the track first, even where another one would be better", async () => {
    const scene = new Scene();
    scene.candidates = ["b", "a"];
    await scene.watch();
    frame(scene.b.taken(1), "one");
    scene.candidates = ["a", "b"];
    scene.source.info("live/a", "video", () => {});
    scene.source.fetch("live/a", "video", groupRange(0), 0, new FetchIntoGroup(new TestGroup(0, true)));
    await settle();
    assert.deepEqual([scene.a.fetched, scene.b.fetched], [[], [0]]);
    assert.deepEqual([scene.a.asked.length, scene.b.asked.length], [0, 1]);
  });

  it("has no effect on tracks that run where it does not come in time", async () => {
    const scene = new Scene();
    await scene.watch();
    frame(scene.a.taken(1), "one");
    const answers: unknown[] = [];
    const group = new TestGroup(0, true);
    scene.source.info("live/a", "other", (answer) => answers.push(answer));
    scene.source.fetch("live/a", "video", groupRange(0), 0, new FetchIntoGroup(group));
    await settle();
    scene.clock.advance(HOLD_MS);
    assert.deepEqual([answers, group.state, scene.spent], [["upstream"], "upstream", 0]);
    frame(scene.a.taken(2), "two");
    assert.deepEqual(scene.viewer.groupLines, ["1 open one", "2 open two"]);
    scene.viewer.upstream?.cancel();
    scene.source.info("live/a", "other", (answer) => answers.push(answer));
    scene.clock.advance(HOLD_MS);
    assert.equal(scene.spent, 1, "without a track, those who wait get another source");
  });

  it("are not awaited by a cancelled track: it releases every link", async () => {
    const scene = new Scene();
    await scene.watch();
    scene.viewer.upstream?.cancel();
    assert.equal(scene.a.last.cancelled, true);
    assert.equal(scene.a.users.size, 0);
    assert.equal(scene.idle, 1);
    assert.equal(scene.clock.pending, 0);
  });
});
