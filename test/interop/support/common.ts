/** What every version of moq-lite provides, tested with @moq/net. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { patient } from "../../../scripts/suite/patience.ts";
import {
  EVERYTHING,
  frameBytes,
  freshPath,
  groupHash,
  offline,
  online,
  passAtOnce,
  passInTurn,
  publish,
  readGroups,
  subscribed,
  TRACK,
  writeFrame,
  writeGroup,
} from "./media.ts";
import type { Peers, Protocol, Transport } from "./peer.ts";

const TIMEOUT = { timeout: patient(20_000) };

/** Registers the tests for one version over one transport. */
export function registerCommonTests(peers: Peers, transport: Transport, protocol: Protocol): void {
  const connect = () => peers.connect(transport, protocol);
  const pass = transport === "websocket" ? passAtOnce : passInTurn;

  test("negotiates the version that was offered", TIMEOUT, async () => {
    assert.equal((await connect()).version, protocol);
  });

  // @moq/net asks only after it has read a SETUP, which older versions do not have.
  if (protocol !== "moq-lite-03" && protocol !== "moq-lite-04") {
    test("reports the round-trip time to a probe", TIMEOUT, async () => {
      const { probe } = await connect();
      while (probe.peek().rtt === undefined) await probe.changed();
      assert.ok(Number(probe.peek().rtt) > 0);
    });
  }

  test("announces a broadcast and withdraws it when it ends", TIMEOUT, async () => {
    const path = freshPath();
    const announced = (await connect()).announced();
    const publisher = await connect();
    const { broadcast } = publish(publisher, path);
    const next = async () => {
      for (;;) {
        const event = await announced.next();
        assert.ok(event, "the announcements ended");
        if (event.path === path) return event.active;
      }
    };
    assert.equal(await next(), true);
    broadcast.close();
    assert.equal(await next(), false);
  });

  test("announces only what is under the prefix, relative to it", TIMEOUT, async () => {
    const [inside, outside] = [freshPath(), freshPath()];
    const publisher = await connect();
    publish(publisher, outside);
    publish(publisher, inside);
    const announced = (await connect()).announced(inside);
    assert.deepEqual(await announced.next(), { path: "", active: true });
  });

  test("delivers every byte of every group", TIMEOUT, async () => {
    const path = freshPath();
    const { track } = publish(await connect(), path);
    const broadcast = await online((await connect()).announcedBroadcast(path));
    const subscriber = broadcast.track(TRACK).subscribe(EVERYTHING);
    const received = await pass(track, subscriber, { seed: 3, count: 40, frames: 6 });
    const expected = Array.from({ length: 40 }, (_, group) => groupHash(3, group, 6));
    assert.deepEqual(received.toSorted(), expected.toSorted());
  });

  test("delivers a frame of two megabytes", TIMEOUT, async () => {
    const path = freshPath();
    const { track } = publish(await connect(), path);
    const broadcast = await online((await connect()).announcedBroadcast(path));
    const subscriber = broadcast.track(TRACK).subscribe(EVERYTHING);
    await subscribed(track);
    const payload = randomBytes(2_000_000);
    const group = track.appendGroup();
    writeFrame(group, payload);
    group.close();
    const received = await (await subscriber.recvGroup())?.readFrame();
    assert.ok(received && payload.equals(received.payload));
  });

  test("gives a late viewer the current group from its start", TIMEOUT, async () => {
    const path = freshPath();
    const { track } = publish(await connect(), path);
    const early = (await online((await connect()).announcedBroadcast(path))).track(TRACK).subscribe(EVERYTHING);
    await subscribed(track);
    const group = track.appendGroup();
    for (let frame = 0; frame < 3; frame++) writeFrame(group, frameBytes(4, 0, frame));
    const first = await early.recvGroup();
    assert.ok(first);
    for (let frame = 0; frame < 3; frame++) await first.readFrame();

    const late = (await online((await connect()).announcedBroadcast(path))).track(TRACK).subscribe(EVERYTHING);
    const joined = await late.recvGroup();
    assert.ok(joined);
    for (let frame = 0; frame < 3; frame++) {
      assert.deepEqual((await joined.readFrame())?.payload, frameBytes(4, 0, frame), `frame ${frame}`);
    }
    writeFrame(group, frameBytes(4, 0, 3));
    assert.deepEqual((await joined.readFrame())?.payload, frameBytes(4, 0, 3), "a frame written after the join");
    group.close();
    assert.equal(await joined.readFrame(), undefined, "the group's end reaches the late viewer");
    assert.deepEqual((await first.readFrame())?.payload, frameBytes(4, 0, 3), "the early viewer has it too");
    assert.equal(await first.readFrame(), undefined, "and sees the end");
  });

  test("ends the publisher's subscription when the last viewer leaves", TIMEOUT, async () => {
    const path = freshPath();
    const { track } = publish(await connect(), path);
    const viewer = await connect();
    const subscriber = (await online(viewer.announcedBroadcast(path))).track(TRACK).subscribe(EVERYTHING);
    await subscribed(track);
    subscriber.close();
    await track.unused();
    assert.equal(track.used.peek(), false);
  });

  test("ends a viewer's track when the broadcast ends", TIMEOUT, async () => {
    const path = freshPath();
    const publisher = await connect();
    publish(publisher, path);
    const announced = (await connect()).announcedBroadcast(path);
    await online(announced);
    publisher.close();
    await offline(announced);
    assert.equal(announced.active.peek(), undefined);
  });

  test("continues when the publisher returns under the same path", TIMEOUT, async () => {
    const path = freshPath();
    const first = await connect();
    const before = publish(first, path);
    const viewer = await connect();
    await online(viewer.announcedBroadcast(path));
    const subscriber = viewer.consume(path).track(TRACK).subscribe(EVERYTHING);
    await subscribed(before.track);
    writeGroup(before.track, 5, 0, 3);
    assert.deepEqual(await readGroups(subscriber, 1), [groupHash(5, 0, 3)]);

    first.close();
    const after = publish(await connect(), path);
    await subscribed(after.track);
    writeGroup(after.track, 6, 0, 3);
    assert.deepEqual(await readGroups(subscriber, 1), [groupHash(6, 0, 3)]);
  });

  test("serves the newer of two publishers, and the older again when the newer ends", TIMEOUT, async () => {
    const path = freshPath();
    const older = publish(await connect(), path);
    const viewer = await connect();
    await online(viewer.announcedBroadcast(path));
    const subscriber = viewer.consume(path).track(TRACK).subscribe(EVERYTHING);
    await subscribed(older.track);
    writeGroup(older.track, 7, 0, 2);
    assert.deepEqual(await readGroups(subscriber, 1), [groupHash(7, 0, 2)]);

    const newerSession = await connect();
    const newer = publish(newerSession, path);
    await subscribed(newer.track);
    writeGroup(newer.track, 8, 0, 2);
    assert.deepEqual(await readGroups(subscriber, 1), [groupHash(8, 0, 2)]);

    await older.track.unused();
    newerSession.close();
    await subscribed(older.track);
    writeGroup(older.track, 7, 1, 2);
    const [next] = await readGroups(subscriber, 1);
    // After a new subscription a publisher starts with its current group, which it has sent before.
    const after = next === groupHash(7, 0, 2) ? await readGroups(subscriber, 1) : [next];
    assert.deepEqual(after, [groupHash(7, 1, 2)]);
  });
}
