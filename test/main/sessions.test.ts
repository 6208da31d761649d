import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Attach, Link, LinkHandler, LinkInfo, LinkRequest } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import { ChannelRegistry, openAccess } from "../../moq/session/index.ts";
import { encodeSetupStream } from "../../moq/wire/lite/setup.ts";
import { capabilities } from "../../moq/wire/lite/versions.ts";
import { loadConfig } from "../../relay/config/config.ts";
import { Defects } from "../../relay/host/defects.ts";
import type { Gate } from "../../relay/host/gate.ts";
import { rootOf, SessionHost } from "../../relay/host/sessions.ts";
import { createLogger } from "../../relay/log/logger.ts";
import { JsFanOut } from "../../transport/shared/fanout.ts";

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

function hostOf(
  maxSessions: number,
  log = createLogger({ level: "silent", format: "json", stream: { write: () => {} } }),
) {
  const { config } = loadConfig({});
  const clock = new ManualClock();
  const broadcasts = new Broadcasts({ clock, limits: config.limits, cache: config.cache });
  const { limits } = config;
  const gate: Gate = {
    admit: (_info, root) => ({
      access: openAccess(root),
      expiresAt: undefined,
      cluster: false,
      who: {},
      granted: { publish: [""], subscribe: [""] },
      check: () => undefined,
      release: () => {},
    }),
  };
  const defects = new Defects({ log, clock, counters: broadcasts.counters });
  const terms = { gate, defects, channels: new ChannelRegistry(), hop: 7n, wallNow: () => 0, expiryNoticeMs: 0 };
  const host = new SessionHost({ broadcasts, clock, log, limits, maxSessions, handshakeTimeoutMs: 1_000, ...terms });
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

describe("a client over raw QUIC that leaves while it is decided on", () => {
  test("gives back what it was counted by", async () => {
    const { config } = loadConfig({});
    const clock = new ManualClock();
    const broadcasts = new Broadcasts({
      clock,
      limits: config.limits,
      cache: config.cache,
    });
    const decided = Promise.withResolvers<void>();
    let released = 0;
    const log = createLogger({ level: "silent", format: "json", stream: { write: () => {} } });
    const host = new SessionHost({
      broadcasts,
      clock,
      log,
      defects: new Defects({ log, clock, counters: broadcasts.counters }),
      limits: config.limits,
      channels: new ChannelRegistry(),
      hop: 7n,
      wallNow: () => 0,
      expiryNoticeMs: 0,
      maxSessions: 10,
      handshakeTimeoutMs: 1_000,
      gate: {
        admit: async (_info, root) => {
          await decided.promise;
          const release = () => void released++;
          return {
            access: openAccess(root),
            expiresAt: undefined,
            cluster: false,
            who: {},
            granted: { publish: [""], subscribe: [""] },
            check: () => undefined,
            release,
          };
        },
      },
    });
    const link = rawLink();
    let handler: LinkHandler | undefined;
    host.accept({
      info: link.info,
      accept: (attach) => {
        handler = attach(link);
      },
      reject: () => assert.fail("it is not told by a status"),
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
    const lines: string[] = [];
    const stream = new PassThrough();
    stream.on("data", (line: Buffer) => lines.push(line.toString()));
    const { host, clock, broadcasts } = hostOf(10, createLogger({ level: "info", format: "json", stream }));
    const link = rawLink(wrote);
    let handler: LinkHandler | undefined;
    const accept = (attach: Attach) => {
      handler = attach(link);
    };
    host.accept({ info: link.info, accept, reject: () => assert.fail("it is not told by a status") });
    assert.ok(handler);
    return { handler, host, clock, broadcasts, lines };
  }
  const caps = capabilities("moq-lite-05");

  test("that is sent elsewhere takes its path along, which only its SETUP told", async () => {
    const written: Buffer[] = [];
    const { handler, host } = attached((bytes) => void written.push(Buffer.from(bytes)));
    assert.ok(caps);
    handler
      .uni({ id: 2, stop: () => {} })
      .data(encodeSetupStream({ probe: 0, role: "both", path: "/room?jwt=secret" }, caps));
    await new Promise((resolve) => setImmediate(resolve));
    host.goaway("moql://other.example:4443");
    const told = Buffer.concat(written).toString("latin1");
    assert.match(told, /moql:\/\/other\.example:4443\/room$/);
    assert.doesNotMatch(told, /secret/);
  });

  test("that says nothing, or too much, before its SETUP is counted and logged", () => {
    const silent = attached();
    silent.clock.advance(1_001);
    assert.deepEqual([...silent.broadcasts.counters.sessionsRefused], [["timeout", 1]]);
    assert.match(silent.lines.join(""), /"code":"timeout","text":"no SETUP came".*session refused/);
    const loud = attached();
    for (let opened = 0; opened < 33; opened++) loud.handler.uni({ id: 2, stop: () => {} });
    assert.deepEqual([...loud.broadcasts.counters.sessionsRefused], [["limit", 1]]);
    // Once, whatever comes after.
    loud.clock.advance(2_000);
    assert.deepEqual([...loud.broadcasts.counters.sessionsRefused], [["limit", 1]]);
  });
});

describe("clients over raw QUIC that send no SETUP", () => {
  test("hold a share of the sessions, from which a newcomer of another address gets the oldest place", () => {
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
    assert.deepEqual(closed, ["third"]);
    come("other", "192.0.2.2");
    assert.deepEqual(closed, ["third", "first"]);
    assert.deepEqual([...broadcasts.counters.sessionsRefused], [["limit", 2]]);
    host.close();
  });
});

describe("the host of the sessions", () => {
  test("counts no client any more that left before it came to its link", () => {
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

  test("counts handshakes under way against the bound, and forgets those that never finish", () => {
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

  test("refuses what comes after it stopped accepting, and paths that are none", () => {
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

  test("takes the path of the URL as the root of a session's paths", () => {
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
