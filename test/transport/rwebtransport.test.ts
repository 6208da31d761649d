import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { WebTransport } from "rwebtransport";
import {
  type BidiHandler,
  type DialOptions,
  type Engine,
  type Link,
  type LinkClosed,
  type LinkHandler,
  type LinkInfo,
  type LinkLimits,
  type LinkRequest,
  type Listener,
  TransportError,
  type Trust,
} from "../../moq/link.ts";
import { thisHost } from "../../transport/rwebtransport/addon.ts";
import { createRwebtransport } from "../../transport/rwebtransport/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { Network } from "../engine/support/network.ts";
import { type TestCertificate, testCertificate } from "../support/certificate.ts";
import { until } from "../support/until.ts";
import { conformance } from "./conformance.ts";
import { overTls } from "./real-harness.ts";

const LIMITS: LinkLimits = {
  uniStreams: 100,
  bidiStreams: 100,
  idleTimeoutMs: 10_000,
  keepAliveMs: 2_000,
  queueMark: 1024 * 1024,
};

const ignore: BidiHandler = { data() {}, fin() {}, reset() {}, stop() {} };

function handler(some: Partial<LinkHandler>): LinkHandler {
  return {
    uni: () => ignore,
    bidi: () => ignore,
    datagram() {},
    capacity() {},
    backlog() {},
    drained() {},
    closed() {},
    ...some,
  };
}

/** The first event of a kind, as a promise. */
function once<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  return Promise.withResolvers<T>();
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

conformance(
  "rwebtransport",
  overTls({
    supports: {
      datagrams: true,
      priority: true,
      passes: "the addon gives all bytes to the program",
      pauses: "the addon reads whatever comes",
      streamLimits: "the addon allows the peer 256 streams of each kind, whatever is asked",
      reject: "the addon has answered 200 before the program sees the request; the session is closed with the status",
      stopAccepting: "the addon goes on answering; the session is closed with code 503",
      headers: true,
      certificateSwap: "the addon reads its certificate once",
      vanish: "shown below, through a network that goes dark",
      burstLoss: "quiche forgets an end of a stream whose packet was lost once the data before it is acknowledged",
    },
    make: (deps) => createRwebtransport(deps),
    // One case has a handler that throws.
    warnings: ["rwebtransport: a handler failed; its link is closed"],
  }),
);

describe("the rwebtransport engine", () => {
  let engine: Engine;
  let certificate: TestCertificate;
  const warnings: string[] = [];
  const listeners: Listener[] = [];

  before(async () => {
    engine = await createRwebtransport({ clock: systemClock, warn: (message) => warnings.push(message) });
    certificate = await testCertificate();
  });

  after(async () => {
    await Promise.all(listeners.map((listener) => listener.close()));
    assert.deepEqual(warnings, []);
  });

  async function listen(onRequest: (request: LinkRequest) => void, limits = LIMITS): Promise<Listener> {
    const listener = await engine.listen(
      { host: "127.0.0.1", port: 0, protocols: ["moq-lite-05", "moq-lite-04"], certificate, limits },
      onRequest,
    );
    listeners.push(listener);
    return listener;
  }

  /** A listener, and the link of its first client. */
  async function listenForLink() {
    const link = once<Link>();
    const listener = await listen((request) =>
      request.accept((accepted) => {
        link.resolve(accepted);
        return handler({});
      }),
    );
    return { listener, link };
  }

  const urlOf = (listener: Listener, path = "/"): URL => new URL(`https://127.0.0.1:${listener.address.port}${path}`);

  function dial(listener: Listener, some: Partial<LinkHandler> = {}, trust?: Trust): Promise<Link> {
    return engine.dial(
      {
        url: urlOf(listener),
        protocols: ["moq-lite-05"],
        trust: trust ?? { kind: "hashes", sha256: [certificate.sha256] },
        limits: LIMITS,
        timeoutMs: 5_000,
      },
      () => handler(some),
    );
  }

  /** A W3C client of the package itself, as another program would have it. */
  async function w3c(listener: Listener, path = "/"): Promise<WebTransport> {
    const client = new WebTransport(urlOf(listener, path).href, {
      serverCertificateHashes: [{ algorithm: "sha-256", value: certificate.sha256 }],
      protocols: ["moq-lite-04", "moq-lite-05"],
    });
    await client.ready;
    return client;
  }

  describe("with a W3C client", () => {
    test("reports the request's URL, protocol and peer, and exchanges streams and datagrams", async () => {
      const info = once<LinkInfo>();
      const link = once<Link>();
      const received = new Map<string, string>();
      const fins: string[] = [];
      const note = (name: string): BidiHandler => ({
        ...ignore,
        data: (chunk) => void received.set(name, (received.get(name) ?? "") + text(chunk)),
        fin: () => void fins.push(name),
      });
      const datagram = once<string>();
      const listener = await listen((request) => {
        info.resolve(request.info);
        request.accept((accepted) => {
          link.resolve(accepted);
          return handler({
            uni: () => note("uni"),
            bidi: (stream) => {
              stream.write(bytes("answer"));
              stream.finish();
              return note("bidi");
            },
            datagram: (chunk) => datagram.resolve(text(chunk)),
          });
        });
      });
      const client = await w3c(listener, "/live/room1?jwt=a.b.c");
      const { protocol, path, query, peer, authority, binding, dialled } = await info.promise;
      assert.deepEqual(
        [protocol, path, query, peer.address, authority, binding, dialled],
        ["moq-lite-05", "/live/room1", "jwt=a.b.c", "127.0.0.1", urlOf(listener).host, "webtransport", false],
      );
      assert.equal(client.protocol, "moq-lite-05");

      const uni = (await client.createUnidirectionalStream()).getWriter();
      await uni.write(bytes("one way"));
      await uni.close();
      const bidi = await client.createBidirectionalStream();
      const writer = bidi.writable.getWriter();
      await writer.write(bytes("question"));
      await writer.close();
      assert.equal(await new Response(bidi.readable).text(), "answer");
      await until(() => fins.length === 2, "both streams of the client end");
      assert.deepEqual(Object.fromEntries(received), { uni: "one way", bidi: "question" });

      const server = await link.promise;
      const stream = server.openUni(1, ignore);
      assert.ok(stream);
      stream.write(bytes("down"));
      stream.finish();
      const incoming = await client.incomingUnidirectionalStreams.getReader().read();
      assert.ok(incoming.value);
      assert.equal(await new Response(incoming.value).text(), "down");

      await client.datagrams.writable.getWriter().write(bytes("ping"));
      assert.equal(await datagram.promise, "ping");
      assert.equal(server.sendDatagram(bytes("pong")), true);
      const answer = await client.datagrams.readable.getReader().read();
      assert.equal(text(answer.value ?? new Uint8Array(0)), "pong");
      assert.equal(server.sendDatagram(new Uint8Array(server.maxDatagramSize + 1)), false);
      client.close({ closeCode: 0, reason: "" });
    });

    test("carries close codes and reasons both ways", async () => {
      const closed = once<LinkClosed>();
      const links: Link[] = [];
      const listener = await listen((request) =>
        request.accept((link) => {
          links.push(link);
          return handler({ closed: closed.resolve });
        }),
      );
      const first = await w3c(listener);
      first.close({ closeCode: 4_000_000_001, reason: "größer" });
      assert.deepEqual(await closed.promise, { by: "remote", code: 4_000_000_001, reason: "größer" });
      const second = await w3c(listener);
      await until(() => links.length === 2, "the second session");
      links[1]?.close(77, "enough");
      assert.deepEqual(await second.closed, { closeCode: 77, reason: "enough" });
    });

    test("closes a rejected session with the status as its code", async () => {
      const listener = await listen((request) => request.reject(403, "no token"));
      const client = await w3c(listener);
      assert.deepEqual(await client.closed, { closeCode: 403, reason: "no token" });
    });

    test("keeps everything that a client sends before it is accepted", async () => {
      const total = 3_000_000;
      let got = 0;
      const count = {
        ...ignore,
        data: (chunk: Uint8Array) => {
          got += chunk.length;
        },
      };
      const listener = await listen((request) => {
        void setTimeout(100).then(() => request.accept(() => handler({ uni: () => count })));
      });
      const client = await w3c(listener);
      const writer = (await client.createUnidirectionalStream()).getWriter();
      await writer.write(new Uint8Array(total));
      // Not its end: this client's own FIN may be lost, see `FIN_RTTS`.
      await until(() => got === total, "all bytes");
      client.close({ closeCode: 0, reason: "" });
    });

    test("sends other streams past one that the client does not read", async () => {
      const { listener, link } = await listenForLink();
      const client = await w3c(listener);
      const server = await link.promise;
      const streams = client.incomingUnidirectionalStreams.getReader();
      for (let i = 0; i < 3; i += 1) server.openUni(9, ignore)?.write(new Uint8Array(4_000_000));
      for (let i = 0; i < 3; i += 1) await streams.read();
      await until(() => server.queued > 0, "a queue");
      const other = server.openUni(1, ignore);
      other?.write(bytes("passes"));
      other?.finish();
      const incoming = await streams.read();
      assert.ok(incoming.value);
      assert.equal(await new Response(incoming.value).text(), "passes");
      server.close(0, "");
      assert.deepEqual([server.queued, server.ended], [0, true]);
    });
  });

  describe("between its own ends", () => {
    /** A server's link and a client's, with what the client does about unidirectional streams. */
    async function pair(uni: LinkHandler["uni"] = () => ignore): Promise<{ server: Link; client: Link }> {
      const server = once<Link>();
      const listener = await listen((request) =>
        request.accept((link) => {
          server.resolve(link);
          return handler({});
        }),
      );
      const client = await dial(listener, { uni });
      return { server: await server.promise, client };
    }

    /** Opens a stream as soon as the peer allows. */
    async function openUni(link: Link) {
      for (;;) {
        const stream = link.openUni(1, ignore);
        if (stream !== undefined) return stream;
        await setTimeout(1);
      }
    }

    test("speak the protocol for servers that name none, where the dial offers it", async () => {
      const listener = await listen((request) => request.accept(() => handler({})));
      const options = { url: urlOf(listener), trust: { kind: "insecure" }, limits: LIMITS, timeoutMs: 5_000 } as const;
      const protocols = ["other", "in-band"];
      const link = await engine.dial({ ...options, protocols, unanswered: "in-band" }, () => handler({}));
      assert.equal(link.info.protocol, "in-band");
      link.close(0, "");
    });

    test("loses no stream credit when many are stopped before their end", async () => {
      let opened = 0;
      const { server, client } = await pair((stream) => {
        opened += 1;
        return { ...ignore, data: () => stream.stop(5) };
      });
      const total = 600;
      for (let i = 0; i < total; i += 1) {
        const stream = await openUni(server);
        stream.write(bytes("x"));
        void setTimeout(5).then(() => stream.finish());
      }
      await until(() => opened === total, `${total} streams, the peer saw ${opened}`);
      client.close(0, "");
    });

    test("loses no stream credit when many are reset right after the first write", async () => {
      const received = new Set<string>();
      const { server, client } = await pair(() => ({ ...ignore, data: (chunk) => void received.add(text(chunk)) }));
      for (let i = 0; i < 600; i += 1) {
        const stream = await openUni(server);
        stream.write(new Uint8Array(10));
        if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        stream.reset(1);
      }
      const stream = await openUni(server);
      stream.write(bytes("still here"));
      stream.finish();
      await until(() => received.has("still here"), "the last stream arrives");
      client.close(0, "");
    });

    test("holds 64 streams beyond the peer's limit, then reports capacity when streams are freed", async () => {
      const streams: { finish(): void }[] = [];
      let seen = 0;
      const capacity = once<void>();
      const server = once<Link>();
      const listener = await listen((request) =>
        request.accept((link) => {
          server.resolve(link);
          return handler({ capacity: () => capacity.resolve() });
        }),
      );
      const client = await dial(listener, {
        uni: () => {
          seen += 1;
          return ignore;
        },
      });
      const link = await server.promise;
      for (let idle = 0; idle < 40; ) {
        const stream = link.openUni(1, ignore);
        if (stream === undefined) {
          idle += 1;
          await setTimeout(5);
          continue;
        }
        idle = 0;
        stream.write(bytes("x"));
        streams.push(stream);
      }
      // 256 less HTTP/3's own three streams.
      assert.deepEqual([streams.length, seen], [253 + 64, 253]);
      for (const stream of streams) stream.finish();
      await capacity.promise;
      await until(() => seen === streams.length, "the held streams pass");
      assert.ok(link.openUni(1, ignore));
      client.close(0, "");
    });

    test("reports a stop although nothing more is written", async () => {
      const { server, client } = await pair((stream) => ({ ...ignore, data: () => stream.stop(1234) }));
      const stopped = once<number>();
      server.openUni(1, { stop: stopped.resolve })?.write(bytes("x"));
      assert.equal(await stopped.promise, 1234);
      client.close(0, "");
    });

    test("notices on both ends that the network between them went dark", async () => {
      const limits = { ...LIMITS, idleTimeoutMs: 800, keepAliveMs: 200 };
      const served = once<LinkClosed>();
      const dialled = once<LinkClosed>();
      const listener = await listen((request) => request.accept(() => handler({ closed: served.resolve })), limits);
      const network = await Network.to(listener.address.port);
      try {
        const url = new URL(`https://127.0.0.1:${network.port}/`);
        const options = { url, protocols: ["moq-lite-05"], trust: { kind: "insecure" } as Trust, timeoutMs: 5_000 };
        const link = await engine.dial({ ...options, limits }, () => handler({ closed: dialled.resolve }));
        await setTimeout(1_500);
        assert.equal(link.ended, false, "a silent link lives on by its keep-alive");
        network.dark = true;
        const since = performance.now();
        const silence = { by: "timeout", code: 0, reason: "" };
        assert.deepEqual(await Promise.all([served.promise, dialled.promise]), [silence, silence]);
        assert.ok(performance.now() - since < 5_000);
      } finally {
        network.close();
      }
    });

    test("closes the link of a handler that throws, with a warning", async () => {
      const closed = once<LinkClosed>();
      const listener = await listen((request) =>
        request.accept(() =>
          handler({
            uni: () => {
              throw new Error("broken handler");
            },
          }),
        ),
      );
      const client = await dial(listener, { closed: closed.resolve });
      client.openUni(1, ignore)?.write(bytes("x"));
      assert.deepEqual(await closed.promise, { by: "remote", code: 0, reason: "internal error" });
      assert.equal(warnings.splice(0).length, 1);
    });

    test("ends sessions after stopAccepting and keeps earlier ones", async () => {
      const { listener, link } = await listenForLink();
      const early = await dial(listener);
      const accepted = await link.promise;
      listener.stopAccepting();
      const closed = once<LinkClosed>();
      await dial(listener, { closed: closed.resolve });
      assert.equal((await closed.promise).code, 503);
      assert.deepEqual([early.ended, accepted.ended], [false, false]);
      early.close(0, "");
    });
  });

  describe("fails with a code", () => {
    const failsWith = async (what: Promise<unknown>, code: string): Promise<TransportError> => {
      const error = await what.then(
        () => assert.fail("did not fail"),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof TransportError, String(error));
      assert.equal(error.code, code);
      return error;
    };

    test("when the addon does not load, with the command that helps", async () => {
      const deps = { clock: systemClock, warn() {} };
      const cases = [
        [{ ...thisHost, nodeVersion: "20.19.0" }, /Node 24 or 26, this is 20\.19\.0; run: npm install node@24/],
        [{ ...thisHost, arch: "mips" }, /no binary for linux-mips/],
        [{ ...thisHost, load: () => ({}) }, /does not have the exports/],
        [
          {
            ...thisHost,
            load: () => {
              throw new Error("GLIBC_2.34 not found");
            },
          },
          /GLIBC_2\.34 not found/,
        ],
        [{ ...thisHost, resolve: () => "/nowhere/dist/index.js" }, /is not installed; run: npm install rwebtransport@/],
      ] as const;
      for (const [host, message] of cases) {
        const error = await failsWith(createRwebtransport(deps, { ...host, platform: "linux" }), "engine_unavailable");
        assert.match(error.message, message);
      }
    });

    test("when the port is in use, the host is unknown or the certificate is unusable", async () => {
      const listener = await listen(() => {});
      const options = { host: "127.0.0.1", port: listener.address.port, protocols: [], certificate, limits: LIMITS };
      await failsWith(
        engine.listen(options, () => {}),
        "bind_failed",
      );
      await failsWith(
        engine.listen({ ...options, host: "no.such.host.invalid", port: 0 }, () => {}),
        "bind_failed",
      );
      const other = await testCertificate();
      const mixed = { cert: certificate.cert, key: other.key };
      await failsWith(
        engine.listen({ ...options, port: 0, certificate: mixed }, () => {}),
        "bad_certificate",
      );
    });

    test("when a dial cannot succeed", async () => {
      const listener = await listen((request) => request.accept(() => handler({})));
      const options = {
        url: urlOf(listener),
        protocols: ["moq-lite-05"],
        trust: { kind: "insecure" } as Trust,
        limits: LIMITS,
        timeoutMs: 5_000,
      };
      const fails = (some: Partial<DialOptions>, code: string): Promise<TransportError> =>
        failsWith(
          engine.dial({ ...options, ...some }, () => handler({})),
          code,
        );
      await fails({ protocols: ["other"] }, "no_common_protocol");
      await fails({ protocols: ["other"], unanswered: "further" }, "no_common_protocol");
      await fails({ url: new URL("wss://127.0.0.1/") }, "unsupported_url");
      await fails({ trust: { kind: "system" } }, "dial_failed");
      await fails({ trust: { kind: "hashes", sha256: [new Uint8Array(32)] } }, "dial_failed");
      await fails({ trust: { kind: "hashes", sha256: [] } }, "dial_failed");
      await fails({ trust: { kind: "roots", pem: certificate.cert } }, "dial_failed");
      await fails({ url: new URL("https://127.0.0.1:9/"), timeoutMs: 50 }, "dial_timeout");
    });
  });

  test("leaves no key in the temporary folder", async () => {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-test-"));
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = folder;
    try {
      await listen(() => {});
      assert.deepEqual(await readdir(folder), []);
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
      await rm(folder, { recursive: true });
    }
  });
});
