import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { connect, type Group, MoqmeshError, type Session, type TrackWriter } from "../../embed/index.ts";
import { until } from "../support/until.ts";
import { relayFor, sessionWith } from "./support/relays.ts";

const text = (payload: Uint8Array) => Buffer.from(payload).toString();

/** A publisher and a viewer at one relay, and a track that is published. */
async function stage(t: import("node:test").TestContext) {
  const relay = await relayFor(t);
  const publisher = await sessionWith(t, relay);
  const viewer = await sessionWith(t, relay);
  const broadcast = publisher.publish("/live/room/");
  const track = broadcast.track("video");
  await firstAnnounced(viewer, "live");
  return { relay, publisher, viewer, broadcast, track };
}

async function firstAnnounced(session: Session, prefix: string) {
  for await (const announcement of session.announced(prefix)) return announcement;
  return undefined;
}

function send(track: TrackWriter, ...frames: string[]): void {
  const group = track.group();
  for (const [at, frame] of frames.entries()) group.write(Buffer.from(frame), at);
  group.end();
}

async function framesOf(group: Group | undefined): Promise<string[]> {
  const frames: string[] = [];
  if (group !== undefined) for await (const { payload } of group) frames.push(text(payload));
  return frames;
}

describe("a session of a program", () => {
  test("gets groups as they arrive, with their frames and timestamps", async (t) => {
    const { viewer, track } = await stage(t);
    send(track, "key 0", "delta 0");
    const groups = viewer.subscribe("live/room", "video")[Symbol.asyncIterator]();
    const first = (await groups.next()).value;
    assert.deepEqual([first?.sequence, await framesOf(first)], [0, ["key 0", "delta 0"]]);
    assert.equal(track.wanted, true);
    const open = track.group();
    open.write(Buffer.from("key 1"), 40);
    const second: Group = (await groups.next()).value;
    const frames = second[Symbol.asyncIterator]();
    const { value: frame } = await frames.next();
    assert.deepEqual([second.sequence, text(frame.payload), frame.timestamp], [1, "key 1", 40]);
    open.write(Buffer.from(""), 50);
    open.end();
    assert.deepEqual([(await frames.next()).value?.payload.length, (await frames.next()).done], [0, true]);
    assert.equal(second.cut, undefined);
    await groups.return?.();
    // A relay leaves a track when something arrives that no viewer wants.
    await until(() => {
      if (track.wanted) send(track, "unwanted");
      return !track.wanted;
    }, "the end of the subscription");
  });

  test("that subscribes in the middle of a group gets it from its start", async (t) => {
    const { relay, viewer, track } = await stage(t);
    const open = track.group();
    open.write(Buffer.from("key"));
    open.write(Buffer.from("delta"));
    const late = await sessionWith(t, relay);
    for (const session of [viewer, late]) {
      for await (const group of session.subscribe("live/room", "video")) {
        const frames = group[Symbol.asyncIterator]();
        assert.deepEqual(
          [text((await frames.next()).value.payload), text((await frames.next()).value.payload)],
          ["key", "delta"],
        );
        break;
      }
    }
  });

  test("fetches the newest group, and is refused one that is not there", async (t) => {
    const { viewer, track } = await stage(t);
    send(track, "key", "delta");
    const { sequence, frames } = await viewer.fetch("live/room", "video");
    assert.deepEqual([sequence, frames.map(({ payload }) => text(payload))], [0, ["key", "delta"]]);
    assert.equal((await viewer.fetch("live/room", "video", { group: 0 })).frames.length, 2);
    await assert.rejects(viewer.fetch("live/room", "video", { group: 7, timeoutMs: 2_000 }), { code: "not_found" });
    await assert.rejects(viewer.fetch("live/room", "audio", { timeoutMs: 2_000 }), { code: "not_found" });
    const signal = AbortSignal.abort(new Error("enough"));
    await assert.rejects(viewer.fetch("live/room", "video", { group: 7, signal }), /enough/);
  });

  test("sees broadcasts begin and end under its prefix", async (t) => {
    const { publisher, viewer, broadcast } = await stage(t);
    const changes = viewer.announced("live")[Symbol.asyncIterator]();
    assert.deepEqual((await changes.next()).value, { path: "live/room", active: true });
    publisher.publish("other/room");
    const second = publisher.publish("live/second");
    assert.deepEqual((await changes.next()).value, { path: "live/second", active: true });
    broadcast.close();
    assert.deepEqual((await changes.next()).value, { path: "live/room", active: false });
    second.close();
    assert.deepEqual((await changes.next()).value, { path: "live/second", active: false });
    await viewer.close();
    await assert.rejects(changes.next(), { code: "cancelled" });
  });

  test("ends the loop of a track that its publisher closes", async (t) => {
    const { viewer, track } = await stage(t);
    const seen: string[][] = [];
    send(track, "last");
    for await (const group of viewer.subscribe("live/room", "video")) {
      seen.push(await framesOf(group));
      track.close();
    }
    assert.deepEqual(seen, [["last"]]);
    assert.throws(() => track.group(), { code: "closed" });
  });

  test("throws to the reader why a subscription ended", async (t) => {
    const { viewer, track } = await stage(t);
    const read = async (signal?: AbortSignal) => {
      for await (const group of viewer.subscribe("live/room", "video", signal && { signal })) await framesOf(group);
    };
    const abort = new AbortController();
    const aborted = read(abort.signal);
    await until(() => track.wanted, "the subscription");
    abort.abort(new Error("enough"));
    await assert.rejects(aborted, /enough/);
    const ended = read();
    await viewer.close();
    await assert.rejects(ended, MoqmeshError);
  });

  test("that reads too slowly loses the oldest groups and is shown their number", async (t) => {
    const { viewer, track } = await stage(t);
    const frame = "x".repeat(1_000);
    send(track, frame);
    const subscription = viewer.subscribe("live/room", "video", { bufferBytes: 2_500 });
    const groups = subscription[Symbol.asyncIterator]();
    const read: Group = (await groups.next()).value;
    assert.deepEqual(await framesOf(read), [frame]);
    for (let sent = 0; sent < 5; sent++) send(track, frame);
    await until(() => subscription.dropped >= 3, "the loss");
    const rest = [(await groups.next()).value, (await groups.next()).value];
    assert.deepEqual(
      rest.map((group) => group.cut),
      [undefined, undefined],
    );
    const open = track.group();
    open.write(Buffer.from(frame));
    const large: Group = (await groups.next()).value;
    const frames = large[Symbol.asyncIterator]();
    assert.equal((await frames.next()).value.payload.length, frame.length);
    for (let sent = 0; sent < 3; sent++) open.write(Buffer.from(frame));
    await until(() => large.cut === "lagged", "the end of a group that is larger than what may wait");
    assert.equal((await frames.next()).done, true);
  });

  test("publishes a path once, and a track once", async (t) => {
    const { publisher, broadcast } = await stage(t);
    assert.throws(() => publisher.publish("live/room"), { code: "duplicate" });
    assert.throws(() => broadcast.track("video"), { code: "bad_option", message: /has a track video already/ });
    assert.throws(() => broadcast.track("audio", { priority: 300 }), {
      code: "bad_option",
      message: /^track: priority: /,
    });
    const group = broadcast.track("audio").group();
    assert.throws(() => group.write("text" as never), { code: "bad_option" });
    group.end();
    assert.throws(() => group.write(new Uint8Array()), { code: "closed" });
    broadcast.close();
    publisher.publish("live/room");
  });

  test("says what is wrong with its options, and why it cannot connect", async (t) => {
    const relay = await relayFor(t);
    const refused = async (url: string, options: object, code: string, message: RegExp) =>
      await assert.rejects(connect(url, options), (error) => {
        assert.ok(error instanceof MoqmeshError);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      });
    await refused("relay.example", {}, "bad_option", /the URL is not one of a relay/);
    await refused(
      relay.url,
      { timeout: 5 },
      "bad_option",
      /^connect: timeout: unknown option; did you mean "timeoutMs"\?$/,
    );
    await refused(relay.url, { ca: "/etc/ca.pem" }, "bad_option", /^connect: ca: must be PEM/);
    await refused(relay.url, { insecure: true, fingerprint: "ab" }, "bad_option", /use only one of/);
    await refused(relay.url, { fingerprint: "ab" }, "bad_option", /64 hexadecimal digits/);
    await refused(`${relay.url}?jwt=a`, { token: "b" }, "bad_option", /both have a token/);
    const other = createHash("sha256").update("other").digest("hex");
    await refused(relay.url, { fingerprint: other, timeoutMs: 5_000 }, "dial_failed", /127\.0\.0\.1/);
    const signal = AbortSignal.abort(new Error("enough"));
    await assert.rejects(connect(relay.url, { insecure: true, signal }), /enough/);
  });

  test("is closed by its signal", async (t) => {
    const relay = await relayFor(t);
    const abort = new AbortController();
    const session = await connect(relay.url, { insecure: true, signal: abort.signal });
    abort.abort();
    assert.equal((await session.closed).code, "cancelled");
    assert.throws(() => session.publish("live/late"), { code: "cancelled" });
  });
});
