/** A relay tells another one which tracks are pushed to it (Pushed Streams of moqmesh-2). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BidiStream } from "../../moq/link.ts";
import type { PushedAsk } from "../../moq/session/index.ts";
import { encodePushed } from "../../moq/wire/lite/index.ts";
import { capsOf } from "../wire/support/bytes.ts";
import { TestPublisher, TestRelay } from "./support.ts";

const PUSHED = { epoch: 5n, hops: [9n], cost: 1, ended: false };

async function scene({ mesh = true, version = "moqmesh-2", announcementsPerSession = 1000 } = {}) {
  const relay = await TestRelay.start({ mesh, session: { announcementsPerSession } });
  const asking = await relay.connect(version);
  const log: string[] = [];
  const ask = (what: PushedAsk) =>
    asking.session.followPushed?.(what, {
      started: (path, epoch, track) => log.push(`+${path} ${epoch} ${track}`),
      ended: (path, epoch, track) => log.push(`-${path} ${epoch} ${track}`),
      closed: (reason) => log.push(reason),
    });
  const push = (path: string, ...tracks: string[]) => {
    const pushed = new Set(tracks);
    const publication = relay.broadcasts.publish(path, { ...PUSHED, pushed }, new TestPublisher());
    assert.ok(typeof publication !== "string");
    return publication;
  };
  const take = async () => {
    await relay.pass(100);
    return log.splice(0);
  };
  return { relay, asking, ask, push, take };
}

describe("the tracks that are pushed to a relay", () => {
  it("are named under the prefix that is asked for, with every change", async () => {
    const { relay, ask, push, take } = await scene();
    push("live/a", "video");
    push("other", "video");
    relay.broadcasts.publish("live/announced", PUSHED, new TestPublisher());
    const stop = ask({ prefix: "live", elsewhere: false });
    assert.deepEqual(await take(), ["+live/a 5 video"]);
    const further = push("live/b", "audio", "text");
    assert.deepEqual(await take(), ["+live/b 5 audio", "+live/b 5 text"]);
    further.update({ ...PUSHED, pushed: new Set(["text", "video"]) });
    assert.deepEqual(await take(), ["-live/b 5 audio", "+live/b 5 video"]);
    further.end(false);
    assert.deepEqual(await take(), ["-live/b 5 text", "-live/b 5 video"]);
    stop?.();
    assert.deepEqual(await take(), ["-live/a 5 video"]);
    push("live/c", "video");
    assert.deepEqual(await take(), []);
    assert.deepEqual(relay.defects, []);
  });

  it("are named with those of other relays where these are asked for", async () => {
    const { relay, ask, take } = await scene();
    const offered = new Set(["video"]);
    relay.broadcasts.publish("live/a", { ...PUSHED, offered }, new TestPublisher());
    ask({ prefix: "", elsewhere: false });
    assert.deepEqual(await take(), []);
    ask({ prefix: "", elsewhere: true });
    assert.deepEqual(await take(), ["+live/a 5 video"]);
  });

  it("are not named to the relay that pushes them itself", async () => {
    const { relay, asking, ask, take } = await scene();
    const [session] = relay.sessions;
    assert.ok(session);
    relay.broadcasts.publish("live/a", { ...PUSHED, pushed: new Set(["video"]) }, session.source);
    ask({ prefix: "", elsewhere: true });
    assert.deepEqual(await take(), []);
    assert.deepEqual(asking.reports, []);
  });

  it("are named up to the bound on announcements", async () => {
    const { relay, ask, push, take } = await scene({ announcementsPerSession: 2 });
    push("live/a", "one", "two", "three");
    ask({ prefix: "", elsewhere: false });
    assert.deepEqual(await take(), ["+live/a 5 one", "+live/a 5 two"]);
    assert.equal(relay.counters.boundsHit.announcements_per_session, 1);
  });

  it("are taken up to that bound, of which those count as well whose names are too long", async () => {
    const relay = await TestRelay.start({ mesh: true, session: { announcementsPerSession: 2 } });
    const asked: BidiStream[] = [];
    await relay.raw("moqmesh-2", (stream) => asked.push(stream));
    await relay.pass(50);
    const log: string[] = [];
    const [session] = relay.sessions;
    const sink = { started: (path: string) => log.push(path), ended: () => {}, closed: (why: string) => log.push(why) };
    session?.followPushed?.({ prefix: "", elsewhere: false }, sink);
    await relay.pass(50);
    const stream = asked.at(-1);
    assert.ok(stream);
    const start = (suffix: string) =>
      stream.write(encodePushed({ kind: "start", suffix, epoch: 5n, track: "video" }, capsOf("moqmesh-2")));
    start("live/a");
    start("x".repeat(2_000));
    await relay.pass(50);
    assert.deepEqual(log, ["live/a"]);
    start("y".repeat(2_000));
    await relay.pass(50);
    assert.deepEqual(log, ["live/a", "limit"]);
    assert.equal(relay.counters.boundsHit.announcements_per_session, 1);
    assert.deepEqual(relay.reports, []);
  });

  it("end with the session, and at the peer with a reason", async () => {
    const { relay, asking, ask, push, take } = await scene();
    push("live/a", "video");
    ask({ prefix: "", elsewhere: false });
    await take();
    for (const session of relay.sessions) session.close(0, "");
    assert.deepEqual(await take(), ["-live/a 5 video", "closed"]);
    ask({ prefix: "", elsewhere: false });
    assert.deepEqual(await take(), ["closed"]);
    assert.equal(asking.reports.length, 1);
  });

  it("are told to no client, and are not asked for in a version without them", async () => {
    const client = await scene({ mesh: false });
    client.push("live/a", "video");
    client.ask({ prefix: "", elsewhere: false });
    assert.deepEqual(await client.take(), ["unauthorized"]);
    const earlier = await scene({ version: "moqmesh-1" });
    earlier.ask({ prefix: "", elsewhere: false });
    assert.deepEqual(await earlier.take(), ["unsupported"]);
  });
});
