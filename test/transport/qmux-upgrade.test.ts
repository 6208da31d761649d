import assert from "node:assert/strict";
import { createServer, request, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import {
  type Attach,
  type DialOptions,
  type Engine,
  type Link,
  type LinkRequest,
  type Listener,
  TransportError,
  type Trust,
} from "../../moq/link.ts";
import { type AttachOptions, createQmux, type QmuxEngine } from "../../transport/qmux/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { type TestCertificate, testCertificate } from "../support/certificate.ts";
import { until } from "../support/until.ts";
import { LIMITS, Watcher } from "./qmux-sim.ts";

const deps = { clock: systemClock, warn: (message: string) => assert.fail(message) };

/** An HTTP server on loopback that also serves pages, with a listener on it. */
class Host {
  readonly server: Server = createServer((_request, response) => response.end("page"));
  readonly requests: LinkRequest[] = [];
  listener!: Listener;
  port = 0;

  async start(
    engine: QmuxEngine,
    options: Partial<AttachOptions> = {},
    onRequest?: (request: LinkRequest) => void,
  ): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.port = (this.server.address() as AddressInfo).port;
    this.listener = engine.attach(this.server, { protocols: ["a", "b"], limits: LIMITS, ...options }, (offered) => {
      this.requests.push(offered);
      onRequest?.(offered);
    });
  }

  async stop(): Promise<void> {
    await this.listener.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Asks for an upgrade by hand; gives status, headers and text of what is no upgrade, and status 101 for one. */
  upgrade(
    path: string,
    headers: Record<string, string>,
    method = "GET",
  ): Promise<{ status: number; text: string; headers: Record<string, unknown> }> {
    return new Promise((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port: this.port, path, method, headers });
      asked.on("upgrade", (response, socket) => {
        socket.destroy();
        resolve({ status: response.statusCode ?? 0, text: "", headers: response.headers });
      });
      asked.on("response", (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
      });
      asked.on("error", reject);
      asked.end();
    });
  }
}

const HANDSHAKE = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol": "qmux-02.z, qmux-00.a, qmux-01.a, qmux-02.b",
};

/** Answers at once, or leaves it to the test. */
const accepting =
  (watcher = new Watcher()) =>
  (offered: LinkRequest) =>
    offered.accept(watcher.attach);

function dialOptions(url: string, options: Partial<DialOptions> = {}): DialOptions {
  return {
    url: new URL(url),
    protocols: ["a"],
    trust: { kind: "system" },
    limits: LIMITS,
    timeoutMs: 5_000,
    ...options,
  };
}

async function refusedWith(promise: Promise<unknown>): Promise<TransportError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof TransportError, String(error));
    return error;
  }
  return assert.fail("it was not refused");
}

describe("an HTTP server with a listener", () => {
  const engine = createQmux(deps);
  const host = new Host();
  before(() => host.start(engine, { path: "/live" }, accepting()));
  after(() => host.stop());

  test("still serves pages", async () => {
    const response = await fetch(`http://127.0.0.1:${host.port}/`);
    assert.equal(await response.text(), "page");
  });

  test("selects its own preferred protocol in the newest offered form", async () => {
    const { status, headers } = await host.upgrade("/live", HANDSHAKE);
    assert.equal(status, 101);
    assert.equal(headers["sec-websocket-protocol"], "qmux-01.a");
    assert.equal(headers["sec-websocket-extensions"], undefined);
  });

  test("reports the address, the path and the headers of each request", async () => {
    await host.upgrade("/live/room?jwt=x&y", { ...HANDSHAKE, Origin: "https://page.example", Host: "relay.example:1" });
    const { info } = host.requests.at(-1)!;
    assert.equal(info.engine, "qmux");
    assert.equal(info.binding, "websocket");
    assert.equal(info.protocol, "a");
    assert.equal(info.dialled, false);
    assert.equal(info.authority, "relay.example:1");
    assert.equal(info.path, "/live/room");
    assert.equal(info.query, "jwt=x&y");
    assert.equal(info.headers.get("origin"), "https://page.example");
    assert.equal(info.peer.address, "127.0.0.1");
    assert.ok(info.peer.port > 0);
  });

  const refusals: readonly [string, number, string, Record<string, string>][] = [
    ["another path", 404, "/lively", HANDSHAKE],
    ["another upgrade", 426, "/live", { ...HANDSHAKE, Upgrade: "h2c" }],
    ["an old version", 426, "/live", { ...HANDSHAKE, "Sec-WebSocket-Version": "7" }],
    ["a bad key", 400, "/live", { ...HANDSHAKE, "Sec-WebSocket-Key": "short" }],
    ["no protocol in common", 400, "/live", { ...HANDSHAKE, "Sec-WebSocket-Protocol": "qmux-02.z" }],
    ["bare forms", 400, "/live", { ...HANDSHAKE, "Sec-WebSocket-Protocol": "qmux-02, qmux-01, qmux-00, webtransport" }],
    ["no protocol", 400, "/live", { ...HANDSHAKE, "Sec-WebSocket-Protocol": "" }],
  ];
  for (const [what, status, path, headers] of refusals) {
    test(`answers ${what} with ${status} and a short text`, async () => {
      const before = host.requests.length;
      const answer = await host.upgrade(path, headers);
      assert.equal(answer.status, status);
      assert.match(answer.text, /^.{3,60}\n$/);
      assert.equal(host.requests.length, before, "the program is not asked");
    });
  }

  test("answers another method with 405", async () => {
    assert.equal((await host.upgrade("/live", HANDSHAKE, "POST")).status, 405);
  });

  test("has no certificate of its own", () => {
    assert.equal(host.listener.setCertificate({ cert: "", key: "" }), false);
    assert.equal(host.listener.address.port, host.port);
  });
});

test("waits for the answer to a request, which may be a refusal", async () => {
  const host = new Host();
  await host.start(createQmux(deps));
  const engine = createQmux(deps);
  const url = `http://127.0.0.1:${host.port}/x`;
  const refused = refusedWith(engine.dial(dialOptions(url), new Watcher().attach));
  await until(() => host.requests.length === 1);
  await sleep(20);
  host.requests[0]?.reject(403, "not you");
  host.requests[0]?.accept(new Watcher().attach);
  const error = await refused;
  assert.equal(error.code, "dial_rejected");
  assert.equal(error.status, 403);
  const watcher = new Watcher();
  const dialled = engine.dial(dialOptions(url), new Watcher().attach);
  await until(() => host.requests.length === 2);
  await sleep(20);
  host.requests[1]?.accept(watcher.attach);
  const link = await dialled;
  assert.equal(link.info.dialled, true);
  assert.equal(link.info.protocol, "a");
  assert.equal(link.info.path, "/x");
  link.close(7, "done");
  await until(() => watcher.closings.length === 1);
  assert.deepEqual(watcher.closings, [{ by: "remote", code: 7, reason: "done" }]);
  await host.stop();
});

test("unanswered requests are bounded in time and number", async () => {
  const clock = new ManualClock();
  const host = new Host();
  await host.start(createQmux({ ...deps, clock }));
  const asked = host.upgrade("/", HANDSHAKE);
  await until(() => host.requests.length === 1);
  clock.advance(10_000);
  assert.equal((await asked).status, 503);
  host.requests[0]?.accept(new Watcher().attach);
  assert.equal(clock.pending, 0);
  await host.stop();
});

test("a client that leaves while it waits is not counted any more", async () => {
  const clock = new ManualClock();
  const host = new Host();
  await host.start(createQmux({ ...deps, clock }));
  const socket = connect(host.port, "127.0.0.1");
  const lines = Object.entries(HANDSHAKE).map(([name, value]) => `${name}: ${value}`);
  socket.write(["GET / HTTP/1.1", "Host: x", ...lines, "", ""].join("\r\n"));
  await until(() => host.requests.length === 1);
  socket.resetAndDestroy();
  await until(() => clock.pending === 0);
  host.requests[0]?.accept(() => assert.fail("attached"));
  host.requests[0]?.reject(500, "late");
  await host.stop();
});

test("a client that leaves after it was accepted and before its link begins is reported as gone", async () => {
  const host = new Host();
  const gone = Promise.withResolvers<void>();
  await host.start(createQmux(deps), {}, (offered) =>
    offered.accept(
      () => assert.fail("no link ever began"),
      () => gone.resolve(),
    ),
  );
  const { status } = await host.upgrade("/", { ...HANDSHAKE, "Sec-WebSocket-Protocol": "a" });
  assert.equal(status, 101);
  await gone.promise;
  await host.stop();
});

test("a request handler that throws fails its own request only", async () => {
  const warnings: string[] = [];
  const host = new Host();
  const engine = createQmux({ ...deps, warn: (message) => void warnings.push(message) });
  await host.start(engine, {}, () => {
    throw new Error("a bug");
  });
  assert.equal((await host.upgrade("/", HANDSHAKE)).status, 500);
  assert.equal(warnings.length, 1);
  await host.stop();
});

test("a listener that stops accepting refuses with 503 and keeps its links", async () => {
  const host = new Host();
  const engine = createQmux(deps);
  const watcher = new Watcher();
  await host.start(engine, {}, accepting(watcher));
  const link = await engine.dial(dialOptions(`ws://127.0.0.1:${host.port}/`), new Watcher().attach);
  host.listener.stopAccepting();
  assert.equal((await host.upgrade("/", HANDSHAKE)).status, 503);
  link.openUni(0, { stop: () => {} })?.write(Uint8Array.of(1));
  await until(() => watcher.unis.length === 1);
  await host.stop();
  await until(() => link.ended);
});

describe("a dial", () => {
  let listener: Listener;
  let certificate: TestCertificate;
  const engine: Engine = createQmux(deps);
  const attach: Attach = (link) => new Watcher().attach(link);
  const dialTls = (trust: Trust, name = "127.0.0.1") =>
    engine.dial(dialOptions(`https://${name}:${listener.address.port}/`, { trust }), attach);
  before(async () => {
    certificate = await testCertificate();
    const options = { host: "127.0.0.1", port: 0, protocols: ["a"], certificate, limits: LIMITS };
    listener = await engine.listen(options, accepting());
  });
  after(() => listener.close());

  test("trusts a certificate by its hash, and no other", async () => {
    const { sha256 } = certificate;
    const link = await dialTls({ kind: "hashes", sha256: [new Uint8Array(32), sha256] });
    assert.equal(link.info.authority, `127.0.0.1:${listener.address.port}`);
    assert.ok((link.info.peerCertificate?.length ?? 0) > 100);
    link.close(0, "");
    const error = await refusedWith(dialTls({ kind: "hashes", sha256: [new Uint8Array(32)] }));
    assert.equal(error.code, "dial_failed");
  });

  test("trusts a certificate by its root, by name and by address", async () => {
    for (const name of ["127.0.0.1", "localhost"]) {
      (await dialTls({ kind: "roots", pem: certificate.cert }, name)).close(0, "");
    }
  });

  test("trusts any certificate only with `insecure`", async () => {
    assert.equal((await refusedWith(dialTls({ kind: "system" }))).code, "dial_failed");
    (await dialTls({ kind: "insecure" })).close(0, "");
  });

  test("gets the new certificate after a change, while older links continue", async () => {
    const old = await dialTls({ kind: "hashes", sha256: [certificate.sha256] });
    const next = await testCertificate();
    assert.equal(listener.setCertificate(next), true);
    (await dialTls({ kind: "hashes", sha256: [next.sha256] })).close(0, "");
    assert.equal(old.ended, false);
    old.close(0, "");
    listener.setCertificate(certificate);
  });

  test("fails with the code of the reason", async () => {
    const { port } = listener.address;
    const trust = { kind: "insecure" } as const;
    const code = async (url: string, options: Partial<DialOptions> = {}) =>
      (await refusedWith(engine.dial(dialOptions(url, { trust, ...options }), attach))).code;
    assert.equal(await code("moql://127.0.0.1/"), "unsupported_url");
    assert.equal(await code(`wss://127.0.0.1:${port}/`, { protocols: ["z"] }), "no_common_protocol");
    assert.equal(await code("ws://127.0.0.1:9/"), "dial_failed");
    assert.equal(await code(`ws://127.0.0.1:${port}/`), "dial_failed");
  });

  test("fails at its time limit", async () => {
    const silentServer = createServer();
    const sockets: Duplex[] = [];
    silentServer.on("upgrade", (_request, socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silentServer.listen(0, "127.0.0.1", resolve));
    const { port } = silentServer.address() as AddressInfo;
    const error = await refusedWith(engine.dial(dialOptions(`ws://127.0.0.1:${port}/`, { timeoutMs: 50 }), attach));
    assert.equal(error.code, "dial_timeout");
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silentServer.close(resolve));
  });

  test("fails when the server disconnects before its transport parameters", async () => {
    const { WebSocketServer } = await import("ws");
    const other = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as AddressInfo;
    const goodbyes = [
      (socket: Socket) => socket.write(Buffer.from("ffff", "hex")),
      (socket: Socket) => socket.destroy(),
      (socket: Socket) => socket.end(Buffer.from("880203e9", "hex")),
    ];
    other.on("connection", (_ws, { socket }) => goodbyes.shift()?.(socket));
    while (goodbyes.length > 0) {
      const error = await refusedWith(engine.dial(dialOptions(`ws://127.0.0.1:${port}/`), attach));
      assert.equal(error.code, "dial_failed");
    }
    for (const ws of other.clients) ws.terminate();
    await new Promise((resolve) => other.close(resolve));
  });

  test("fails when the server chooses none of the protocols", async () => {
    const { WebSocketServer } = await import("ws");
    const other = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => false });
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as AddressInfo;
    const error = await refusedWith(engine.dial(dialOptions(`ws://127.0.0.1:${port}/`), attach));
    assert.equal(error.code, "no_common_protocol");
    await new Promise((resolve) => other.close(resolve));
  });
});

test("listening fails with the reason for an unusable certificate or socket", async () => {
  const engine = createQmux(deps);
  const certificate = await testCertificate();
  const options = { host: "127.0.0.1", port: 0, protocols: ["a"], certificate, limits: LIMITS };
  const bad = engine.listen({ ...options, certificate: { cert: "x", key: "y" } }, accepting());
  assert.equal((await refusedWith(bad)).code, "bad_certificate");
  const listener = await engine.listen(options, accepting());
  const taken = engine.listen({ ...options, port: listener.address.port }, accepting());
  assert.equal((await refusedWith(taken)).code, "bind_failed");
  await listener.close();
});

test("an empty certificate listens without TLS", async () => {
  const engine = createQmux(deps);
  const certificate = { cert: "", key: "" };
  const listener = await engine.listen(
    { host: "127.0.0.1", port: 0, protocols: ["a"], certificate, limits: LIMITS },
    accepting(),
  );
  const url = `ws://127.0.0.1:${listener.address.port}/`;
  const link: Link = await engine.dial(dialOptions(url), new Watcher().attach);
  assert.equal(link.info.protocol, "a");
  const page = await fetch(url.replace("ws:", "http:"));
  assert.equal(page.status, 426);
  await listener.close();
  await until(() => link.ended);
});

test("a message above the bound of the WebSocket ends the link with the reason", async () => {
  const { WebSocket } = await import("ws");
  const host = new Host();
  const watcher = new Watcher();
  await host.start(createQmux(deps), {}, accepting(watcher));
  const ws = new WebSocket(`ws://127.0.0.1:${host.port}/`, ["qmux-02.a"]);
  ws.on("error", () => {});
  await new Promise((resolve) => ws.once("open", resolve));
  ws.send(Buffer.from("ff5153300d0a0d0a00", "hex"));
  await until(() => watcher.link !== undefined);
  ws.send(new Uint8Array(200_000));
  await until(() => watcher.closings.length === 1);
  assert.equal(watcher.closings[0]?.by, "error");
  assert.match(watcher.closings[0]?.reason ?? "", /^WebSocket: /);
  await host.stop();
});
