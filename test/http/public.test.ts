import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as tlsConnect } from "node:tls";
import { WebSocket, WebSocketServer } from "ws";
import { Places } from "../../auth/index.ts";
import { DEMO_HEADERS, type Page, readPage } from "../../relay/http/page.ts";
import type { HttpPort, PortOptions } from "../../relay/http/port.ts";
import { listenPublic } from "../../relay/http/public.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { type CertificateState, loadCertificate } from "../../transport/tls/certificate.ts";
import { ServerTls } from "../../transport/tls/server-tls.ts";
import { until } from "../support/until.ts";

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

let folder = "";
let certificate: CertificateState;
let page: Page;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqmesh-http-"));
  certificate = await loadCertificate({ stateDir: join(folder, "state"), hosts: [], wallNow: Date.now });
  const root = join(folder, "page");
  await mkdir(join(root, "assets"), { recursive: true });
  await writeFile(join(root, "index.html"), "<!doctype html><title>demo</title>");
  await writeFile(join(root, "assets", "app-ABCD2345.js"), "export {};");
  await writeFile(join(root, "assets", "my-component.css"), "a{}");
  await writeFile(join(root, ".secret"), "no");
  await writeFile(join(folder, "outside.txt"), "no");
  page = await readPage(root, DEMO_HEADERS);
});
after(() => rm(folder, { recursive: true, force: true }));

async function open(
  overrides: Omit<Partial<PortOptions>, "tls"> & {
    tls?: ServerTls;
    maxConnections?: number;
    selfSigned?: boolean;
    page?: Page;
  } = {},
): Promise<HttpPort> {
  const { selfSigned = true, maxConnections = 10, ...rest } = overrides;
  return await listenPublic({
    host: "127.0.0.1",
    port: 0,
    tls: new ServerTls(certificate.certificate),
    plaintext: true,
    places: new Places(maxConnections),
    fingerprint: () => (selfSigned ? certificate.fingerprint : undefined),
    failed: (error) => assert.fail(String(error)),
    ...rest,
  });
}

async function ask(
  port: HttpPort,
  path: string,
  options: { method?: string; tls?: boolean; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const target = { host: "127.0.0.1", port: port.address.port, path, agent: false as const };
  const how = { method: options.method ?? "GET", headers: options.headers ?? {} };
  const request = options.tls
    ? httpsRequest({ ...target, ...how, servername: "localhost", ca: certificate.certificate.cert })
    : httpRequest({ ...target, ...how });
  request.end();
  const [response]: IncomingMessage[] = await once(request, "response");
  assert.ok(response);
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

async function ended(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  socket.on("error", () => {});
  if (!socket.destroyed) await once(socket, "close");
  return text;
}

describe("the public HTTP port", () => {
  test("answers http and https on one port", async () => {
    const port = await open({ page });
    for (const tls of [false, true]) {
      const { status, headers, body } = await ask(port, "/certificate.sha256", { tls });
      assert.equal(status, 200);
      assert.equal(body.trim(), certificate.fingerprint);
      assert.match(headers["content-type"] ?? "", /^text\/plain/);
      assert.equal(headers["access-control-allow-origin"], "*");
    }
    await port.close();
  });

  test("accepts ws and wss on the same port", async () => {
    const port = await open();
    const sockets = new WebSocketServer({ noServer: true });
    for (const server of [port.plain, port.secure]) {
      server.on("upgrade", (request, socket, head) => {
        sockets.handleUpgrade(request, socket, head, (ws) => ws.on("message", (data) => ws.send(data)));
      });
    }
    for (const scheme of ["ws", "wss"]) {
      const client = new WebSocket(`${scheme}://localhost:${port.address.port}/`, {
        ca: certificate.certificate.cert,
        family: 4,
      });
      await once(client, "open");
      client.send("hello");
      const [reply] = await once(client, "message");
      assert.equal(String(reply), "hello");
      client.close();
      await once(client, "close");
    }
    await port.close();
  });

  test("refuses upgrades when WebSocket is off", async () => {
    const port = await open();
    const client = new WebSocket(`ws://127.0.0.1:${port.address.port}/`);
    const [error] = await once(client, "error");
    assert.match(String(error), /Unexpected server response: 404/);
    await until(() => port.stats().connections === 0);
    await port.close();
  });

  test("answers requests that offer another upgrade, as curl --http2 does, and counts them as not upgraded", async () => {
    const port = await open({ page });
    let upgrades = 0;
    for (const server of [port.plain, port.secure]) {
      server.on("upgrade", (_request, socket) => {
        upgrades += 1;
        socket.destroy();
      });
    }
    const headers = { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAA" };
    for (const tls of [false, true]) {
      const { status, body } = await ask(port, "/", { tls, headers });
      assert.deepEqual([status, body], [200, "<!doctype html><title>demo</title>"]);
    }
    assert.equal(upgrades, 0);
    await port.close();
  });

  test("serves no fingerprint of a certificate that an authority signed", async () => {
    const port = await open({ selfSigned: false });
    assert.equal((await ask(port, "/certificate.sha256")).status, 404);
    await port.close();
  });

  test("answers 404, 405 and 400 for unknown paths, other methods and invalid targets", async () => {
    const port = await open({ page });
    assert.equal((await ask(port, "/nothing")).status, 404);
    const post = await ask(port, "/", { method: "POST" });
    assert.deepEqual([post.status, post.headers.allow], [405, "GET, HEAD"]);
    assert.equal((await ask(port, "/%zz")).status, 400);
    assert.equal((await ask(port, `/${"a".repeat(3000)}`)).status, 414);
    await port.close();
  });

  test("uses a new certificate for new TLS connections", async () => {
    const other = await loadCertificate({ stateDir: join(folder, "other"), hosts: [], wallNow: Date.now });
    const tls = new ServerTls(certificate.certificate);
    const port = await open({ tls });
    const seen = async () => {
      const socket = tlsConnect({ host: "127.0.0.1", port: port.address.port, rejectUnauthorized: false });
      await once(socket, "secureConnect");
      const digest = socket.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase();
      socket.destroy();
      return digest;
    };
    assert.equal(await seen(), certificate.fingerprint);
    tls.prepare(other.certificate)();
    assert.equal(await seen(), other.fingerprint);
    assert.throws(() => tls.prepare({ cert: "x", key: "y" }), { code: "bad_certificate" });
    assert.equal(await seen(), other.fingerprint);
    await port.close();
  });

  test("disconnects clients that are silent, slow with TLS or slow with their headers", {
    timeout: patient(10_000),
  }, async () => {
    const port = await open({ headerTimeoutMs: 100 });
    for (const bytes of ["", "\x16", "GET / HTTP/1.1\r\nHost: a\r\nX-Slow:"]) {
      const socket = connect(port.address.port, "127.0.0.1");
      await once(socket, "connect");
      if (bytes !== "") socket.write(bytes, "latin1");
      assert.doesNotMatch(await ended(socket), /200 OK/);
    }
    assert.equal(port.stats().timedOut, 1);
    assert.equal((await ask(port, "/certificate.sha256")).status, 200);
    await port.close();
  });

  test("disconnects clients over the bound, and does not count upgraded connections against it", async () => {
    const port = await open({ maxConnections: 2 });
    const hold = async () => {
      const socket = connect(port.address.port, "127.0.0.1");
      await once(socket, "connect");
      return socket;
    };
    const held = [await hold(), await hold()];
    assert.equal(await ended(await hold()), "");
    assert.equal(port.stats().refused, 1);
    for (const socket of held) socket.destroy();
    await until(() => port.stats().connections === 0);

    let upgraded = 0;
    for (const server of [port.plain, port.secure]) {
      server.on("upgrade", () => {
        upgraded += 1;
      });
    }
    const tls = () => tlsConnect({ host: "127.0.0.1", port: port.address.port, rejectUnauthorized: false });
    for (const [index, start] of [hold, hold, tls].entries()) {
      const socket = await start();
      socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      await until(() => upgraded === index + 1);
    }
    assert.equal((await ask(port, "/certificate.sha256")).status, 200);
    assert.equal(port.stats().refused, 1);
    await port.close();
  });

  test("accepts an address while another holds every connection, and disconnects the oldest of those", async () => {
    const port = await open({ maxConnections: 3 });
    const number = port.address.port;
    const silent = [];
    for (let i = 0; i < 3; i++) {
      const socket = connect({ port: number, host: "127.0.0.1", localAddress: "127.0.0.7" });
      await once(socket, "connect");
      silent.push(ended(socket));
    }
    await until(() => port.stats().connections === 3);
    assert.equal((await ask(port, "/certificate.sha256")).status, 200);
    assert.equal(await silent[0], "");
    assert.equal(port.stats().refused, 1);
    await port.close();
  });

  test("accepts request targets in absolute form, as proxies send them, for pages and for WebSockets", async () => {
    const port = await open();
    const hosts: unknown[] = [];
    port.plain.on("upgrade", (request: IncomingMessage, socket: Socket) => {
      hosts.push([request.url, request.headers.host]);
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n");
    });
    const ask = async (target: string, more = "") => {
      const socket = connect(port.address.port, "127.0.0.1");
      socket.write(`GET ${target} HTTP/1.1\r\nHost: other.example\r\nConnection: close${more}\r\n\r\n`);
      return (await ended(socket)).split("\r\n")[0];
    };
    const at = `127.0.0.1:${port.address.port}`;
    assert.equal(await ask(`http://${at}/certificate.sha256`), "HTTP/1.1 200 OK");
    assert.equal(await ask(`HTTPS://${at}/certificate.sha256?x=http://y/`), "HTTP/1.1 200 OK");
    for (const target of [`http://${at}`, `http://${at}?a`]) assert.equal(await ask(target), "HTTP/1.1 404 Not Found");
    for (const target of ["http://", `http://user@${at}/`, "ftp://a/certificate.sha256"]) {
      assert.equal(await ask(target), "HTTP/1.1 400 Bad Request", target);
    }
    const upgrade = ", Upgrade\r\nUpgrade: websocket";
    assert.equal(await ask(`ws://relay.example:1/live?jwt=x`, upgrade), "HTTP/1.1 403 Forbidden");
    assert.deepEqual(hosts, [["/live?jwt=x", "relay.example:1"]]);
    await port.close();
  });

  test("stops accepting while open connections continue, and ends all of them at close", async () => {
    const port = await open();
    const socket = connect(port.address.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write("GET /certificate.sha256 HTTP/1.1\r\nHost: a\r\n");
    await until(() => port.stats().connections === 1);
    const number = port.address.port;
    port.stopAccepting();
    const late = connect(number, "127.0.0.1");
    const [refused] = await once(late, "error");
    assert.ok(refused instanceof Error);
    socket.write("Connection: close\r\n\r\n");
    assert.match(await ended(socket), /200 OK/);
    await port.close();
  });

  test("rejects when the port is in use", async () => {
    const port = await open();
    await assert.rejects(open({ port: port.address.port }), { code: "EADDRINUSE" });
    await port.close();
  });
});

describe("the demo page", () => {
  test("is served with its content types and with a policy that allows connections to relays", async () => {
    const port = await open({ page });
    const index = await ask(port, "/?jwt=secret");
    assert.equal(index.body, "<!doctype html><title>demo</title>");
    assert.equal(index.headers["content-type"], "text/html; charset=utf-8");
    assert.match(String(index.headers["content-security-policy"]), /connect-src 'self' https: wss: http: ws:/);
    assert.equal(index.headers["x-content-type-options"], "nosniff");
    assert.equal(index.headers["referrer-policy"], "no-referrer");
    assert.equal(
      (await ask(port, "/assets/app-ABCD2345.js")).headers["content-type"],
      "text/javascript; charset=utf-8",
    );
    await port.close();
  });

  test("is cached by ETag, and for ever when the name contains a hash", async () => {
    const port = await open({ page });
    const index = await ask(port, "/");
    assert.equal(index.headers["cache-control"], "no-cache");
    const etag = String(index.headers.etag);
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const again = await ask(port, "/", { headers: { "If-None-Match": known } });
      assert.deepEqual([again.status, again.body, again.headers.etag], [304, "", etag]);
    }
    assert.equal((await ask(port, "/", { headers: { "If-None-Match": '"x"' } })).status, 200);
    assert.match(String((await ask(port, "/assets/app-ABCD2345.js")).headers["cache-control"]), /immutable/);
    assert.equal((await ask(port, "/assets/my-component.css")).headers["cache-control"], "no-cache");
    await port.close();
  });

  test("answers HEAD without a body", async () => {
    const port = await open({ page });
    const head = await ask(port, "/", { method: "HEAD" });
    assert.deepEqual([head.status, head.body, head.headers["content-length"]], [200, "", "34"]);
    await port.close();
  });

  test("gives no access to hidden files or outside its folder", async () => {
    const port = await open({ page });
    const paths = [
      "/../outside.txt",
      "/..%2foutside.txt",
      "/%2e%2e/outside.txt",
      "/assets/..%5c..%5coutside.txt",
      "/.secret",
      "/a%00b",
    ];
    for (const path of paths) {
      const answer = await ask(port, path);
      assert.ok(answer.status === 400 || answer.status === 404, `${path}: ${answer.status}`);
    }
    await port.close();
  });

  test("is absent when it is not served", async () => {
    const port = await open();
    assert.equal((await ask(port, "/")).status, 404);
    await port.close();
  });
});
