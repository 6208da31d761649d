/** Links between relays that are renewed before the token that opened them expires. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FailoverCounters, gapsOf, Hitless, MeshSource } from "../../cluster/failover/index.ts";
import { Renewal } from "../../cluster/sessions/renewal.ts";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { MetricSources } from "../../moq/metrics.ts";
import { wholeGroup } from "../../moq/model/locations.ts";
import { LIVE, TestViewer } from "../session/support.ts";
import { FakePeers, frame, settle } from "./support.ts";

async function scene() {
  const clock = new ManualClock();
  const peers = new FakePeers();
  const counters: FailoverCounters = { failovers: 0, splices: 0, groupsResumed: 0, groupsLost: 0 };
  const on = { epoch: 1n, candidates: () => ["a"], besides: () => [], idle: () => {}, spent: () => {} };
  const source = new MeshSource({
    clock,
    peers,
    counters,
    gaps: gapsOf(new MetricSources()),
    holdMs: 5_000,
    lostAs: "upstream",
    warm: { want: () => {} },
    hitless: new Hitless([], new MetricSources()),
    ...on,
  });
  const viewer = new TestViewer();
  source.subscribe("live/a", "video", LIVE, viewer);
  await settle();
  const relay = peers.relay("a");
  const [former] = relay.subscriptions;
  assert.ok(former);
  const renew = async () => {
    for (const user of [...relay.users]) user.renewed?.();
    await settle();
  };
  return { clock, viewer, relay, former, renew, counters };
}

describe("a second link to the same relay", () => {
  it("takes a track over with its first group; the first link finishes what it began", async () => {
    const { viewer, relay, former, renew, counters } = await scene();
    const open = relay.taken(4);
    frame(open, "one");
    await renew();
    await renew();
    assert.equal(relay.subscriptions.length, 2);
    assert.equal(relay.last.options.start, 5);
    const next = relay.taken(5);
    frame(next, "new");
    next.finish();
    assert.equal(former.cancelled, false);
    frame(open, "two");
    open.finish();
    assert.equal(former.cancelled, true);
    assert.deepEqual(viewer.groupLines, ["4 finished one|two", "5 finished new"]);
    assert.deepEqual(counters, { failovers: 0, splices: 1, groupsResumed: 0, groupsLost: 0 });
  });

  it("continues a group that was unfinished when the first link ended", async () => {
    const { viewer, relay, former, renew, counters } = await scene();
    frame(relay.taken(0), "one");
    await renew();
    former.sink.closed("upstream");
    await settle();
    assert.deepEqual([relay.last.options.start, relay.fetched], [1, [0]]);
    const [again] = relay.fetches;
    assert.ok(again);
    for (const text of ["one", "two"]) frame(again, text);
    again.finish();
    assert.deepEqual(viewer.groupLines, ["0 finished one|two"]);
    assert.equal(counters.groupsLost, 0);
  });

  it("takes a silent track over after a while, and every group that follows", async () => {
    const { clock, viewer, relay, former, renew, counters } = await scene();
    const only = relay.taken(0);
    frame(only, "one");
    await renew();
    clock.advance(5_000);
    assert.equal(former.cancelled, false, "its group is still open");
    only.finish();
    clock.advance(5_000);
    assert.equal(former.cancelled, true);
    const next = relay.taken(1);
    frame(next, "two");
    next.finish();
    assert.deepEqual(viewer.groupLines, ["0 finished one", "1 finished two"]);
    assert.deepEqual(counters, { failovers: 0, splices: 1, groupsResumed: 0, groupsLost: 0 });
  });

  it("does not take over while only the first link brings groups", async () => {
    const { clock, relay, former, renew } = await scene();
    await renew();
    const [before] = relay.subscriptions;
    for (let sequence = 0; sequence < 10; sequence++) {
      const writer = before?.sink.subgroup(wholeGroup(sequence));
      assert.ok(typeof writer === "object");
      writer.finish();
      clock.advance(2_000);
    }
    assert.equal(former.cancelled, false);
  });

  it("keeps a track without new groups when the first link ends", async () => {
    const { viewer, relay, former, renew } = await scene();
    const only = relay.taken(0);
    frame(only, "one");
    only.finish();
    await renew();
    former.sink.closed("upstream");
    await settle();
    assert.equal(relay.subscriptions.length, 2);
    const next = relay.taken(1);
    frame(next, "two");
    next.finish();
    assert.deepEqual(viewer.groupLines, ["0 finished one", "1 finished two"]);
  });
});

describe("a session whose token expires", () => {
  it("is renewed once there is a newer token, and warns while there is none", async () => {
    const clock = new ManualClock();
    const begun = 1_767_225_600_000;
    const [first, second] = [begun + 100_000, begun + 200_000];
    let newest = first;
    const done: string[] = [];
    const deps = {
      clock,
      wallNow: () => begun + clock.now(),
      random: () => 0,
      tokenExpiry: async () => newest,
      late: () => void done.push(`late at ${clock.now()}`),
    };
    const renewal = new Renewal(deps, () => done.push(`renew at ${clock.now()}`));
    renewal.begin(first);
    const pass = async (ms: number) => {
      for (let left = ms; left > 0; left -= 1_000) {
        clock.advance(1_000);
        await settle();
      }
    };
    await pass(79_000);
    assert.deepEqual(done, []);
    await pass(6_000);
    assert.match(done.join(), /^late at 8\d000$/);
    newest = second;
    await pass(3_000);
    assert.match(done.at(-1) ?? "", /^renew at 8\d000$/);
    renewal.stop();
    const { length } = done;
    await pass(60_000);
    assert.equal(done.length, length);
    new Renewal(deps, () => assert.fail("renewed without a token")).begin(undefined);
  });
});
