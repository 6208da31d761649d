import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Attach, Link, LinkHandler, LinkInfo, LinkRequest } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import { rootOf } from "../../moq/path.ts";
import { ChannelRegistry, openAccess } from "../../moq/session/index.ts";
import { encodeSetupStream } from "../../moq/wire/lite/setup.ts";
import { capabilities } from "../../moq/wire/lite/versions.ts";
import { Defects } from "../../relay/host/defects.ts";
import type { Gate } from "../../relay/host/gate.ts";
import { SessionHost } from "../../relay/host/sessions.ts";
import { createLogger, type Logger } from "../../relay/log/logger.ts";
import { JsFanOut } from "../../transport/shared/fanout.ts";
import { captureLog } from "../support/log.ts";
import { configOf } from "../support/relay.ts";

function request(path = "/") {
  const info: LinkInfo = {
    engine: "memory",
    binding: "memory",
    protocol: "moq-lite-04",
    dialled: false,
    authority: "",
    path,
    query: "",
    headers: new Map(),
    peer: { address: "", port: 0 },
  };
  const seen: { accepted?: Attach; rejected?: number } = {};
  const offer: LinkRequest = {
    info,
    accept: (attach) => {
      seen.accepted = attach;
    },
    reject: (status) => {
      seen.rejected = status;
    },
  };
  return { offer, seen };
}

const SILENT = createLogger({ level: "silent", format: "json", stream: { write: () => {} } });

/** Lets every client do everything; `released` is called when a client is not counted any more. */
function openGate(released: () => void = () => {}, decided?: Promise<void>): Gate {
  const admitted = (root: string) => ({
    access: openAccess(root),
    expiresAt: undefined,
    cluster: false,
    who: {},
    granted: { publish: [""], subscribe: [""] },
    check: () => undefined,
    release: released,
  });
  return { admit: (_info, root) => (decided === undefined ? admitted(root) : decided.then(() => admitted(root))) };
}

function hostOf(maxSessions: number, { log = SILENT, gate = openGate() }: { log?: Logger; gate?: Gate } = {}) {
  const config = configOf({});
  const clock = new ManualClock();
  const broadcasts = new Broadcasts({ clock, limits: config.limits, cache: config.cache });
  const host = new SessionHost({
    broadcasts,
    clock,
    log,
    gate,
    defects: new Defects({ log, clock, counters: broadcasts.counters }),
    limits: config.limits,
    channels: new ChannelRegistry(),
    hop: 7n,
    wallNow: () => 0,
    expiryNoticeMs: 0,
    maxSessions,
    handshakeTimeoutMs: 1_000,
  });
  return { host, clock, broadcasts };
}

/** A link over raw QUIC on which nothing can be sent, but on `wrote` where that is given. */
function rawLink(wrote?: (bytes: Uint8Array) => void): Link {
  const info = { ...request().offer.info, binding: "quic" as const, protocol: "moq-lite-05", dialled: false };
  const engine = { name: "none", fanOut: () => new JsFanOut() };
  return {
    info,
    engine,
    queued: 0,
    ended: false,
    maxDatagramSize: 0,
    openUni: () => undefined,
    openBidi: () =>
      wrote && {
        id: 1,
        queued: 0,
        ended: false,
        write: wrote,
        finish: () => {},
        reset: () => {},
        stop: () => {},
        setPriority: () => {},
      },
    allowBidi: () => {},
    pauseReading: () => {},
    sendDatagram: () => false,
    close: () => {},
    stats: () => ({ bytesSent: 0, bytesReceived: 0 }),
  };
}

describe("a client over raw QUIC that leaves during admission", () => {
  test("is not counted any more", async () => {
    const decided = Promise.withResolvers<void>();
    let released = 0;
    const gate = openGate(() => void released++, decided.promise);
    const { host, clock } = hostOf(10, { gate });
    const link = rawLink();
    let handler: LinkHandler | undefined;
    host.accept({
      info: link.info,
      accept: (attach) => {
        handler = attach(link);
      },
      reject: () => assert.fail("raw QUIC has no status"),
    });
    const caps = capabilities("moq-lite-05");
    assert.ok(caps);
    handler?.uni({ id: 2, stop: () => {} }).data(encodeSetupStream({ probe: 0, role: "both", path: "/live" }, caps));
    handler?.closed({ by: "remote", code: 0, reason: "" });
    decided.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([released, host.sessions], [1, 0]);
    assert.equal(clock.pending, 0);
  });
});

describe("a client over raw QUIC", () => {
  function attached(wrote?: (bytes: Uint8Array) => void) {
    const { log, entries } = captureLog();
    const { host, clock, broadcasts } = hostOf(10, { log });
    const link = rawLink(wrote);
    let handler: LinkHandler | undefined;
    const accept = (attach: Attach) => {
      handler = attach(link);
    };
    host.accept({ info: link.info, accept, reject: () => assert.fail("raw QUIC has no status") });
    assert.ok(handler);
    return { handler, host, clock, broadcasts, entries };
  }
  const caps = capabilities("moq-lite-05");

  test("is redirected with its path, which only its SETUP has", async () => {
    const written: Buffer[] = [];
    const { handler, host } = attached((bytes) => void written.push(Buffer.from(bytes)));
    assert.ok(caps);
    handler
      .uni({ id: 2, stop: () => {} })
      .data(encodeSetupStream({ probe: 0, role: "both", path: "/room?jwt=secret" }, caps));
    await new Promise((resolve) => setImmediate(resolve));
    host.goaway("moql://other.example:4443");
    const sent = Buffer.concat(written).toString("latin1");
    assert.match(sent, /moql:\/\/other\.example:4443\/room$/);
    assert.doesNotMatch(sent, /secret/);
  });

  test("is refused, counted and logged once when it sends nothing or too much before its SETUP", () => {
    const silent = attached();
    silent.clock.advance(1_001);
    assert.deepEqual([...silent.broadcasts.counters.sessionsRefused], [["timeout", 1]]);
    assert.match(JSON.stringify(silent.entries), /"code":"timeout","text":"no SETUP arrived in time".*session refused/);
    const loud = attached();
    for (let opened = 0; opened < 33; opened++) loud.handler.uni({ id: 2, stop: () => {} });
    assert.deepEqual([...loud.broadcasts.counters.sessionsRefused], [["limit", 1]]);
    // Once, whatever comes after.
    loud.clock.advance(2_000);
    assert.deepEqual([...loud.broadcasts.counters.sessionsRefused], [["limit", 1]]);
  });
});

describe("clients over raw QUIC that send no SETUP", () => {
  test("have a share of the sessions, in which a new client replaces the oldest", () => {
    const { host, broadcasts } = hostOf(8);
    const closed: string[] = [];
    const come = (name: string, address: string) => {
      const link: Link = { ...rawLink(), close: () => void closed.push(name) };
      const info = { ...link.info, peer: { address, port: 1 } };
      host.accept({ info, accept: (attach) => void attach(link), reject: () => assert.fail("there is room") });
    };
    come("first", "192.0.2.1");
    come("second", "192.0.2.1");
    come("third", "192.0.2.1");
    assert.deepEqual(closed, ["first"]);
    come("other", "192.0.2.2");
    assert.deepEqual(closed, ["first", "second"]);
    assert.deepEqual([...broadcasts.counters.sessionsRefused], [["limit", 2]]);
    host.close();
  });
});

describe("the host of the sessions", () => {
  test("stops counting a client that left before it had a link", () => {
    const { host } = hostOf(1);
    const { offer } = request();
    let leave: (() => void) | undefined;
    const accept: LinkRequest["accept"] = (_attach, gone) => {
      leave = gone;
    };
    host.accept({ ...offer, accept });
    leave?.();
    const next = request();
    host.accept(next.offer);
    assert.equal(next.seen.rejected, undefined);
    host.close();
  });

  test("counts handshakes in progress against the bound, and drops those that never finish", () => {
    const { host, clock, broadcasts } = hostOf(2);
    const offers = [request(), request(), request()];
    for (const { offer } of offers) host.accept(offer);
    assert.deepEqual(
      offers.map(({ seen }) => seen.rejected),
      [undefined, undefined, 503],
    );
    assert.equal(broadcasts.counters.boundsHit.sessions, 1);
    clock.advance(1_000);
    const late = request();
    host.accept(late.offer);
    assert.ok(late.seen.accepted !== undefined);
    host.close();
    assert.equal(clock.pending, 0);
  });

  test("refuses requests after it stopped accepting, and requests with an invalid path", () => {
    const { host } = hostOf(10);
    const [bad, long, late] = [request("/%zz"), request(`/${"a".repeat(5_000)}`), request()];
    host.accept(bad.offer);
    host.accept(long.offer);
    host.stopAccepting();
    host.accept(late.offer);
    assert.deepEqual(
      [bad, long, late].map(({ seen }) => seen.rejected),
      [400, 400, 503],
    );
  });

  test("uses the path of the URL as the root of a session's paths", () => {
    const roots: [string, string | undefined][] = [
      ["/", ""],
      ["", ""],
      ["/live", "live"],
      ["//live//room%201/", "live/room 1"],
      ["/%ff", undefined],
    ];
    for (const [path, root] of roots) assert.equal(rootOf(path), root);
  });
});
