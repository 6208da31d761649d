import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { BidiStream } from "../../moq/link.ts";
import { streamCodes } from "../../moq/session/lite/codes.ts";
import { DEFAULT_WIRE_LIMITS } from "../../moq/wire/codec/limits.ts";
import { type AnnounceResponse, announceResponses } from "../../moq/wire/lite/announce.ts";
import { encodeRequest } from "../../moq/wire/lite/requests.ts";
import { type Capabilities, capabilities } from "../../moq/wire/lite/versions.ts";
import { AD } from "../model/support.ts";
import { SESSION_LIMITS, TestPublisher, TestRelay, VERSIONS } from "./support.ts";

function capsOf(version: string): Capabilities {
  const caps = capabilities(version);
  assert.ok(caps);
  return caps;
}

/** Broadcasts that are published at the relay itself. */
function publish(relay: TestRelay, count: number, name: (i: number) => string = (i) => `live/${i}`) {
  return Array.from({ length: count }, (_, i) => {
    const publication = relay.broadcasts.publish(name(i), AD, new TestPublisher());
    assert.ok(typeof publication !== "string");
    return publication;
  });
}

/** An announce stream that the test opens itself. */
class Asked {
  readonly messages: AnnounceResponse[] = [];
  readonly ends: string[] = [];
  readonly stream: BidiStream | undefined;

  constructor(link: Awaited<ReturnType<TestRelay["raw"]>>["link"], caps: Capabilities, prefix = "", hidden = false) {
    const reader = announceResponses(caps, DEFAULT_WIRE_LIMITS);
    this.stream = link.openBidi(1, {
      data: (bytes) => void reader.push(bytes, (message) => this.messages.push(message)),
      fin: () => this.ends.push("fin"),
      reset: (code) => this.ends.push(`reset ${code}`),
      stop: () => {},
    });
    this.stream?.write(encodeRequest({ kind: "announce", prefix, excludeHop: 0n, ended: true, hidden }, caps));
  }

  count(kind: AnnounceResponse["kind"]): number {
    return this.messages.filter((message) => message.kind === kind).length;
  }
}

const MANY = { model: { broadcasts: 10_000 } };

for (const version of VERSIONS) {
  describe(`${version}: the list of live broadcasts`, () => {
    it("is sent over several turns, and ANNOUNCE_OK counts it", async () => {
      const relay = await TestRelay.start({ ...MANY, session: { announcementsPerSession: 6000 } });
      publish(relay, 5000);
      const caps = capsOf(version);
      const { link } = await relay.raw(version);
      const asked = new Asked(link, caps);
      await relay.pass(1000);
      assert.equal(asked.count("start"), 5000);
      const [first] = asked.messages;
      if (caps.announceOk) assert.equal(first?.kind === "ok" && first.active, 5000);
      assert.deepEqual(asked.ends, []);
    });

    it("ends only the announce stream of a viewer when it is longer than the bound", async () => {
      const relay = await TestRelay.start({ ...MANY, session: { announcementsPerSession: 50 } });
      publish(relay, 60);
      const { link, closed } = await relay.raw(version);
      const [all, part] = [new Asked(link, capsOf(version)), new Asked(link, capsOf(version), "live/1")];
      await relay.pass(1000);
      assert.deepEqual(all.ends, [`reset ${streamCodes(capsOf(version)).codeOf("limit")}`]);
      assert.deepEqual(part.ends, []);
      assert.equal(part.count("start"), 1);
      assert.deepEqual(closed, []);
      assert.deepEqual(relay.defects, []);
      assert.equal(relay.counters.boundsHit.announcements_per_session, 1);
    });

    it("ends the announce stream of a viewer when it grows past the bound", async () => {
      const relay = await TestRelay.start({ ...MANY, session: { announcementsPerSession: 50 } });
      publish(relay, 50);
      const { link, closed } = await relay.raw(version);
      const asked = new Asked(link, capsOf(version));
      await relay.pass(1000);
      assert.equal(asked.count("start"), 50);
      publish(relay, 1, () => "one/more");
      await relay.pass(100);
      assert.deepEqual(asked.ends, [`reset ${streamCodes(capsOf(version)).codeOf("limit")}`]);
      const again = new Asked(link, capsOf(version), "one");
      await relay.pass(1000);
      assert.equal(again.count("start"), 1, "its places are free again");
      assert.deepEqual(closed, []);
    });

    it("is sent completely to a viewer that finishes its half at once, and then the stream ends", async () => {
      const relay = await TestRelay.start({
        ...MANY,
        session: { announcementsPerSession: 6000, announceStreamsPerSession: 2 },
      });
      publish(relay, 5000);
      const { link } = await relay.raw(version);
      for (let i = 0; i < 3; i++) {
        const asked = new Asked(link, capsOf(version));
        asked.stream?.finish();
        await relay.pass(2000);
        assert.equal(asked.count("start"), 5000);
        assert.deepEqual(asked.ends, ["fin"]);
      }
      assert.equal(relay.counters.boundsHit.announce_streams_per_session, 0);
    });

    it("has a start for each broadcast that was counted, even when it ends while the list is sent", async () => {
      const relay = await TestRelay.start({ ...MANY, session: { announcementsPerSession: 6000 } });
      const publications = publish(relay, 5000);
      const { link } = await relay.raw(version);
      const asked = new Asked(link, capsOf(version));
      await relay.pass(5);
      relay.network.wireOf(link).configure({ reading: false }, "down");
      for (const publication of publications.slice(0, 4000)) publication.end(false);
      relay.network.wireOf(link).configure({ reading: true }, "down");
      await relay.pass(2000);
      const [first] = asked.messages;
      const counted = first?.kind === "ok" ? first.active : 0;
      assert.ok(asked.count("start") >= counted, `${asked.count("start")} of ${counted}`);
      assert.equal(asked.count("start") - asked.count("end"), 1000);
    });
  });
}

describe("a peer that asks for announcements and reads nothing", () => {
  async function withDeafPeer() {
    const relay = await TestRelay.start({
      ...MANY,
      session: { announceStreamsPerSession: 64, announcementsPerSession: 100_000 },
    });
    publish(relay, 900, (i) => `lobby/${"x".repeat(900)}${i}`);
    const { link } = await relay.raw("moq-lite-05");
    relay.network.wireOf(link).configure({ reading: false }, "down");
    return { relay, link };
  }

  it("costs a bounded queue, however often it asks", async () => {
    const { relay, link } = await withDeafPeer();
    for (let i = 0; i < 64; i++) new Asked(link, capsOf("moq-lite-05")).stream?.finish();
    await relay.pass(1000);
    const queued = relay.links[0]?.queued ?? 0;
    assert.ok(queued > 100_000 && queued < SESSION_LIMITS.sessionQueueMark + 64 * 1000, `${queued} bytes queued`);
    assert.deepEqual(relay.reports, []);
  });

  it("costs no memory for broadcasts that begin and end", async () => {
    const { relay, link } = await withDeafPeer();
    for (let i = 0; i < 8; i++) new Asked(link, capsOf("moq-lite-05"));
    await relay.pass(1000);
    const broadcasts = Array.from({ length: 100 }, (_, i) => {
      const [publication] = publish(relay, 1, () => `short/${i}`);
      const broadcast = new WeakRef(relay.broadcasts.broadcast(`short/${i}`) ?? {});
      publication?.end(false);
      return broadcast;
    });
    await relay.pass(100);
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as () => void)();
    const kept = broadcasts.filter((broadcast) => broadcast.deref() !== undefined).length;
    assert.ok(kept < 10, `${kept} are held`);
    assert.deepEqual(relay.reports, []);
  });

  it("gets one announcement a turn for a broadcast that changes again and again", async () => {
    const relay = await TestRelay.start();
    const { link } = await relay.raw("moq-lite-06-wip");
    const asked = new Asked(link, capsOf("moq-lite-06-wip"));
    const [publication] = publish(relay, 1);
    await relay.pass(1000);
    for (let cost = 1; cost <= 1000; cost++) publication?.update({ ...AD, cost });
    await relay.pass(100);
    assert.deepEqual(
      asked.messages.filter(({ kind }) => kind === "update").map((message) => "cost" in message && message.cost),
      [1000],
    );
  });
});

it("names with a dot are announced to a peer of 07 that asks for them, or that asks below the dot", async () => {
  const relay = await TestRelay.start();
  const caps = capsOf("moq-lite-07-wip");
  const { link } = await relay.raw("moq-lite-07-wip");
  publish(relay, 2, (i) => (i === 0 ? "live/a" : "live/.b/c"));
  const starts = async (prefix: string, hidden: boolean) => {
    const asked = new Asked(link, caps, prefix, hidden);
    await relay.pass(1000);
    return asked.messages.flatMap((message) => (message.kind === "start" ? [message.suffix] : [])).toSorted();
  };
  assert.deepEqual(await starts("", false), ["live/a"]);
  assert.deepEqual(await starts("", true), ["live/.b/c", "live/a"]);
  assert.deepEqual(await starts("live/.b", false), ["c"]);
});
