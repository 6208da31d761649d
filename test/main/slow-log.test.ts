import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { CACHE, LIMITS } from "../../lab/sim/settings.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import type { Loss } from "../../moq/model/index.ts";
import { SlowLog } from "../../relay/host/slow-log.ts";
import { AD, FakeSource, FakeViewer, LIVE } from "../model/support.ts";

let now: number;
let log: SlowLog;

beforeEach(() => {
  now = 1_000;
  log = new SlowLog({ threshold: 3, length: 2, wallNow: () => now });
});

function loss(session: string, more: Partial<Loss> = {}): Loss {
  const who = { session, peer: "192.0.2.1:5", engine: "native" };
  const viewer = { who, source: new FakeSource(), hop: 0n, share: 1 };
  return { path: "live/room", track: "video", viewer, reason: "backlog", groups: 1, ...more };
}

describe("the list of slow viewers", () => {
  it("has a viewer once it lost as many groups as the threshold within ten seconds", () => {
    log.lost(loss("s1"));
    now += 9_000;
    log.lost(loss("s1"));
    assert.equal(log.entries.length, 0);
    now += 2_000;
    log.lost(loss("s1"));
    assert.equal(log.entries.length, 0, "the first loss is too long ago");
    log.lost(loss("s1", { groups: 2, reason: "expired" }));
    const [entry] = log.entries;
    assert.deepEqual(entry, {
      id: 1,
      session: "s1",
      peer: "192.0.2.1:5",
      broadcast: "live/room",
      track: "video",
      groups: 3,
      reasons: { backlog: 1, expired: 2 },
      firstAt: 12_000,
      lastAt: 12_000,
    });
    now += 60_000;
    log.lost(loss("s1"));
    assert.deepEqual([log.entries.length, log.entries[0]?.groups, log.entries[0]?.lastAt], [1, 4, 72_000]);
  });

  it("keeps the newest entries, and none after a reset", () => {
    for (const session of ["s1", "s2", "s3"]) log.lost(loss(session, { groups: 3 }));
    assert.deepEqual(
      log.entries.map(({ id, session }) => [id, session]),
      [
        [3, "s3"],
        [2, "s2"],
      ],
    );
    assert.equal(log.reset(), 2);
    assert.deepEqual(log.entries, []);
    assert.equal(log.listed, 3);
  });

  it("gets what the model counts as lost for a viewer", () => {
    const clock = new ManualClock();
    const losses: Loss[] = [];
    const relay = new Broadcasts({ clock, limits: LIMITS, cache: CACHE, lost: (one) => losses.push(one) });
    const publisher = new FakeSource();
    relay.publish("live/cam", AD, publisher);
    const viewer = new FakeViewer();
    viewer.stuck = true;
    const subscription = relay.subscribe("live/cam", "video", { ...LIVE, maxLatency: 500 }, viewer);
    for (let i = 0; i < 3; i++) publisher.send(i, "x");
    subscription?.shed();
    assert.deepEqual(
      losses.map(({ path, track, reason, groups }) => [path, track, reason, groups]),
      [
        ["live/cam", "video", "backlog", 1],
        ["live/cam", "video", "backlog", 1],
      ],
    );
    assert.equal(relay.counters.groupsDropped.backlog, 2);
  });
});

describe("the list of slow viewers with other bounds", () => {
  it("forgets the oldest entries beyond the new length, and lists by the new threshold", () => {
    for (const session of ["s1", "s2"]) log.lost(loss(session, { groups: 3 }));
    log.configure({ threshold: 1, length: 1 });
    assert.equal(log.threshold, 1);
    assert.deepEqual(
      log.entries.map(({ session }) => session),
      ["s2"],
    );
    log.lost(loss("s3"));
    assert.deepEqual(
      log.entries.map(({ session }) => session),
      ["s3"],
    );
  });
});
