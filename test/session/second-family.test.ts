/** The neutral parts of a session serve any protocol family: here one of text, with codes of its own. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Attach, BidiHandler, BidiStream, Link, LinkHandler } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import type { TrackInfo } from "../../moq/model/contract.ts";
import { REASONS, type Reason } from "../../moq/reason.ts";
import { AnnounceResponder, type AnnounceWriter } from "../../moq/session/announce-responder.ts";
import { type Family, SessionCore } from "../../moq/session/core.ts";
import { ChannelRegistry, openAccess, type SessionDeps, type SessionReport } from "../../moq/session/index.ts";
import { PeerAnnouncements } from "../../moq/session/peer-announcements.ts";
import { PeerSource } from "../../moq/session/peer-source.ts";
import { type Refusal, type SetupAsk, SetupGate } from "../../moq/session/setup-gate.ts";
import type { AskedTrack, RequestMessages, SourceProtocol } from "../../moq/session/source-protocol.ts";
import { READ } from "../../moq/wire/codec/allowance.ts";
import { ProtocolViolation } from "../../moq/wire/codec/errors.ts";
import { DEFAULT_WIRE_LIMITS } from "../../moq/wire/codec/limits.ts";
import { CACHE, FakeSource, FakeStream, FakeViewer, INFO, LIMITS, LIVE } from "../model/support.ts";
import { SESSION_LIMITS } from "./support.ts";

const codeOf = (reason: Reason) => 1000 + REASONS.indexOf(reason);
const reasonOf = (code: number) => REASONS[code - 1000] ?? "upstream";
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

/** Requests and answers are text. */
const PROTOCOL: SourceProtocol = {
  hasInfo: true,
  subscribe: () => {
    throw new Error("not used here");
  },
  info: ({ path, track }: AskedTrack, known: (info: TrackInfo) => void): RequestMessages => ({
    request: Buffer.from(`info ${path} ${track}`),
    answer: {
      push: (bytes) => {
        if (text(bytes) !== "yes") throw new ProtocolViolation("INFO", "no answer");
        known(INFO);
        return READ;
      },
      finish: () => {},
    },
  }),
  fetch: () => {
    throw new Error("not used here");
  },
};

const FAMILY: Family<PeerSource> = {
  name: "text",
  codes: { codeOf, reasonOf },
  dialect: { name: "text", subgroups: false, objectHeader: (size) => Buffer.from(`${size}:`), resetCode: codeOf },
  source: (session) => new PeerSource(session, PROTOCOL),
};

type Opened = { readonly stream: FakeStream & BidiStream; readonly handler: BidiHandler };

/** A link that records what is done with it. */
function fakeLink(): { link: Link; opened: Opened[]; closes: string[] } {
  const opened: Opened[] = [];
  const closes: string[] = [];
  const open = (handler: BidiHandler) => {
    const stream = Object.assign(new FakeStream(0, 0, false), { id: opened.length, stop: () => {} });
    opened.push({ stream, handler });
    return stream;
  };
  const engine = { name: "fake", fanOut: () => assert.fail("no group is sent here") };
  const link: Link = {
    info: {
      engine: "fake",
      binding: "quic",
      protocol: "text",
      dialled: false,
      authority: "",
      path: "",
      query: "",
      headers: new Map(),
      peer: { address: "", port: 0 },
    },
    engine,
    queued: 0,
    ended: false,
    maxDatagramSize: 0,
    openUni: () => undefined,
    openBidi: (_priority, handler) => open(handler),
    allowBidi: () => {},
    pauseReading: () => {},
    sendDatagram: () => false,
    close: (code, reason) => void closes.push(`${code} ${reason}`),
    stats: () => ({ bytesSent: 0, bytesReceived: 0 }),
  };
  return { link, opened, closes };
}

function scene(access = openAccess("root")) {
  const clock = new ManualClock();
  const broadcasts = new Broadcasts({ clock, limits: LIMITS, cache: CACHE });
  const reports: SessionReport[] = [];
  const refused: string[] = [];
  const deps: SessionDeps = {
    broadcasts,
    clock,
    limits: { ...SESSION_LIMITS, announcementsPerSession: 2, requestTimeoutMs: 1000 },
    channels: new ChannelRegistry(),
    hop: 9n,
    access,
    refused: (path, reason) => refused.push(`${path} ${reason}`),
    defect: (error) => assert.fail(String(error)),
    closed: (report) => reports.push(report),
  };
  const { link, opened, closes } = fakeLink();
  const core = new SessionCore(link, deps, FAMILY);
  return { clock, broadcasts, core, opened, closes, reports, refused };
}

const from = (hops: readonly bigint[]) => ({ epoch: 1n, hops, cost: 0, ended: false });

describe("a session of another family", () => {
  it("asks in its own messages, and ends with its own code and name when the answer breaks the protocol", () => {
    const { core, opened, closes, reports } = scene();
    const answers: unknown[] = [];
    core.source.info("root/live", "video", (answer) => answers.push(answer));
    core.source.info("root/live", "audio", (answer) => answers.push(answer));
    assert.deepEqual(
      opened.map(({ stream }) => stream.text),
      ["info live video", "info live audio"],
    );
    opened[0]?.handler.data(Buffer.from("yes"));
    assert.deepEqual(answers, [INFO]);
    opened[1]?.handler.data(Buffer.from("what"));
    assert.deepEqual(closes, [`${codeOf("protocol")} text INFO: no answer`]);
    core.closed({ by: "local", code: codeOf("protocol"), reason: "" }, [() => core.source.close()], []);
    assert.deepEqual(answers, [INFO, "upstream"]);
    assert.equal(reports[0]?.reason, "protocol");
  });

  it("gives up a request that is not answered in time, with its own code", () => {
    const { clock, core, opened } = scene();
    const answers: unknown[] = [];
    core.source.info("root/live", "video", (answer) => answers.push(answer));
    clock.advance(1000);
    assert.deepEqual(answers, ["timeout"]);
    assert.equal(opened[0]?.stream.code, codeOf("timeout"));
    assert.equal(core.deps.broadcasts.counters.boundsHit.request_timeout, 1);
  });

  it("announces what the peer may have, with suffixes, and withdraws what leads back to the peer", () => {
    const { clock, broadcasts, core } = scene();
    const log: string[] = [];
    const writer: AnnounceWriter = {
      queued: 0,
      counts: false,
      listed: (active) => log.push(`listed ${active}`),
      start: (suffix) => log.push(`start ${suffix}`),
      update: (id, suffix) => log.push(`update ${id} ${suffix}`),
      end: (id, suffix) => log.push(`end ${id} ${suffix}`),
      finish: () => log.push("finish"),
      refuse: (reason) => log.push(`refuse ${reason}`),
    };
    broadcasts.publish("root/live/a", from([5n]), new FakeSource());
    broadcasts.publish("elsewhere/b", from([5n]), new FakeSource());
    const ask = { prefix: core.absolute("live"), excludeHop: 0n, ended: false };
    const responder = new AnnounceResponder(core, ask, writer, () => log.push("closed"));
    core.serving.watchers.add(responder);
    responder.start();
    assert.deepEqual(log.splice(0), ["listed 1", "start a"]);
    assert.equal(core.announcedToPeer.count, 1);
    core.peer.hop = 5n;
    core.serving.identified();
    clock.advance(1);
    assert.deepEqual(log.splice(0), ["end 2 a"]);
    responder.close();
    assert.deepEqual(log, ["finish", "closed"]);
    assert.equal(core.announcedToPeer.count, 0);
  });

  it("publishes what the peer announces, but for loops and what is beyond the bound", () => {
    const { broadcasts, core, refused } = scene();
    const announcements = new PeerAnnouncements(core, "live", broadcasts, DEFAULT_WIRE_LIMITS);
    announcements.announce("a", from([7n]));
    announcements.announce("loop", from([7n, 9n]));
    announcements.announce("c", from([7n]));
    assert.deepEqual(broadcasts.broadcast("root/live/a")?.route()?.advertisement, { ...from([7n]), cost: 1 });
    assert.equal(broadcasts.broadcast("root/live/loop")?.route(), undefined);
    assert.deepEqual(refused, ["root/live/c limit"]);
    announcements.withdrawAll(false);
    assert.equal(broadcasts.broadcast("root/live/a")?.route(), undefined);
    assert.equal(core.announcedByPeer.count, 0);
  });
});

describe("the tracks that a peer of another family pushes", () => {
  function pushes() {
    const made = scene();
    const log: string[] = [];
    const offer = (track: string, path = "root/live") =>
      made.core.source.pushed.offer({
        path,
        track,
        info: INFO,
        changed: (wanted) => log.push(`${track} ${wanted === undefined ? "pause" : `send ${wanted.priority}`}`),
      });
    return { ...made, offer, log };
  }

  function accepted<T extends object>(offered: T | Reason): T {
    if (typeof offered === "string") throw new Error(offered);
    return offered;
  }

  it("are sent for as long as a viewer wants them, without a request of ours", () => {
    const { core, clock, broadcasts, opened, offer, log } = pushes();
    const video = accepted(offer("video"));
    assert.equal(video.wanted, undefined, "the peer is answered that it may not send yet");
    const viewer = new FakeViewer();
    const subscription = broadcasts.subscribe("root/live", "video", LIVE, viewer);
    subscription?.update({ ...LIVE, priority: 9 });
    clock.advance(100);
    assert.deepEqual(log.splice(0), [`video send ${LIVE.priority}`, "video send 9"]);
    assert.deepEqual([viewer.log, opened], [["accepted 1000"], []]);
    subscription?.cancel();
    clock.advance(LIMITS.trackLingerMs);
    assert.deepEqual(log, ["video pause"]);
    assert.equal(video.sink, undefined);
    core.source.close();
    assert.deepEqual([...broadcasts.list()], []);
    assert.equal(core.announcedByPeer.count, 0);
  });

  it("are wanted at once where viewers wait for them, and end with the reason that the peer gives", () => {
    const { broadcasts, offer, log } = pushes();
    const viewer = new FakeViewer();
    broadcasts.subscribe("root/live", "video", { ...LIVE, priority: 5 }, viewer);
    const video = accepted(offer("video"));
    assert.equal(video.wanted?.priority, 5);
    accepted(offer("audio"));
    video.end("unauthorized");
    assert.equal(viewer.log.at(-1), "closed unauthorized");
    assert.deepEqual(log, []);
    assert.deepEqual([...(broadcasts.broadcast("root/live")?.route()?.advertisement.pushed ?? [])], ["audio"]);
  });

  it("are refused where the peer may not publish, pushes the track already, or pushes too many", () => {
    const { offer, core } = pushes();
    accepted(offer("one"));
    assert.equal(offer("one"), "duplicate");
    accepted(offer("two"));
    assert.equal(offer("three"), "limit");
    assert.equal(core.deps.broadcasts.counters.boundsHit.announcements_per_session, 1);
    const refused = scene({ ...openAccess(""), mayPublish: () => false });
    const offered = refused.core.source.pushed.offer({ path: "live", track: "a", info: INFO, changed: () => {} });
    assert.equal(offered, "unauthorized");
    assert.deepEqual([...refused.broadcasts.list()], []);
  });
});

describe("the set-up gate of another family", () => {
  const SETUP = {
    name: "text",
    codeOf,
    reader: (found: (asked: SetupAsk) => void) => ({
      push: (bytes: Uint8Array) => {
        if (!text(bytes).startsWith("/")) throw new ProtocolViolation("SETUP", "no path");
        found({ target: text(bytes) });
      },
    }),
  };

  function gate(decide: (asked: SetupAsk, answer: (outcome: Attach | Refusal) => void) => void) {
    const refusals: Refusal[] = [];
    const { link, closes } = fakeLink();
    const refused = (refusal: Refusal) => refusals.push(refusal);
    const options = { clock: new ManualClock(), timeoutMs: 1000, decide, left: () => {}, refused };
    return { handler: new SetupGate(link, SETUP, options), closes, refusals };
  }

  it("hands the streams of an admitted client over to the session", () => {
    const events: string[] = [];
    const recv = {
      data: (bytes: Uint8Array) => void events.push(text(bytes)),
      fin: () => void events.push("fin"),
      reset: () => {},
      stop: () => {},
    };
    const session: LinkHandler = {
      uni: () => recv,
      bidi: () => recv,
      datagram: () => {},
      capacity: () => {},
      backlog: () => {},
      drained: () => {},
      closed: () => {},
    };
    const { handler } = gate(({ target }, answer) => {
      events.push(`admit ${target}`);
      answer(() => session);
    });
    const stream = handler.uni({ id: 0, stop: () => {} });
    stream.data(Buffer.from("/room"));
    stream.fin();
    assert.deepEqual(events, ["admit /room", "/room", "fin"]);
  });

  it("reads the SETUP of a family whose control stream has both directions, and of no other stream", () => {
    const asked: SetupAsk[] = [];
    const options = { clock: new ManualClock(), timeoutMs: 1000, left: () => {}, refused: () => {} };
    const decide = (one: SetupAsk) => void asked.push(one);
    const handler = new SetupGate(fakeLink().link, { ...SETUP, streams: "bidi" }, { ...options, decide });
    handler.uni({ id: 0, stop: () => {} }).data(Buffer.from("/other"));
    assert.deepEqual(asked, []);
    handler.bidi(new FakeStream(0, 0, false) as FakeStream & BidiStream).data(Buffer.from("/room"));
    assert.deepEqual(asked, [{ target: "/room" }]);
  });

  it("closes the link with the family's code when its SETUP breaks the protocol", () => {
    const { handler, closes, refusals } = gate(() => assert.fail("nothing to decide"));
    handler.uni({ id: 0, stop: () => {} }).data(Buffer.from("room"));
    assert.deepEqual(closes, [`${codeOf("protocol")} text SETUP: no path`]);
    assert.deepEqual(refusals, [{ reason: "protocol", message: "text SETUP: no path" }]);
  });
});
