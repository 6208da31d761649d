/**
 * Against @moq/qmux, an implementation that is not ours: the newest as client and server in every form, and the older
 * one that published players carry.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { findPackageJSON } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import Session, { selectSubprotocol } from "@moq/qmux";
import { type WebSocket, WebSocketServer } from "ws";
import type { Link, LinkHandler, LinkRequest, Listener } from "../../moq/link.ts";
import { createQmux } from "../../transport/qmux/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { until } from "../support/until.ts";
import { LIMITS, Received, silent, Watcher } from "../transport/qmux-sim.ts";

const FORMS = ["qmux-02", "qmux-01", "qmux-00"] as const;
const PROTOCOL = "moq-lite-05";
const engine = createQmux({ clock: systemClock, warn: (message) => assert.fail(message) });

/** Sends back what comes on bidirectional streams. */
class Echo extends Watcher {
  override bidi(stream: Parameters<LinkHandler["bidi"]>[0]) {
    const got = super.bidi(stream);
    return {
      data: (bytes: Uint8Array) => {
        got.data?.(bytes);
        stream.write(Uint8Array.from(bytes));
      },
      fin: () => {
        got.fin?.();
        stream.finish();
      },
      reset: (code: number) => got.reset?.(code),
      stop: (code: number) => got.stop?.(code),
    };
  }
}

function pattern(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Waits for the failure of a stream of the peer's API and gives its code. */
async function streamError(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && "streamErrorCode" in error) return error.streamErrorCode;
    return undefined;
  }
  return undefined;
}

/** What every pair of ends must do, as seen by the end with the peer's API. */
async function exchange(session: WebTransport, watcher: Watcher, link: Link): Promise<void> {
  const large = pattern(3_000_000);
  const bidi = await session.createBidirectionalStream();
  const echo = readAll(bidi.readable);
  const writer = bidi.writable.getWriter();
  await writer.write(large);
  await writer.close();
  assert.ok((await echo).equals(large), "three megabytes there and back");

  const uni = (await session.createUnidirectionalStream()).getWriter();
  await uni.write(pattern(5));
  await uni.close();
  await until(() => watcher.unis[0]?.got.events[0] === "fin");
  assert.deepEqual(watcher.unis[0]?.got.bytes, [...pattern(5)]);

  const incoming = session.incomingUnidirectionalStreams.getReader();
  const own = link.openUni(0, silent)!;
  own.write(large.subarray(0, 1_000_000));
  own.write(pattern(100));
  own.finish();
  const taken = await incoming.read();
  incoming.releaseLock();
  const expected = Buffer.concat([large.subarray(0, 1_000_000), pattern(100)]);
  assert.ok((await readAll(taken.value)).equals(expected), "pieces by reference and copied ones");

  const answers = new Received();
  const ours = link.openBidi(0, answers)!;
  ours.write(pattern(3));
  const bidis = session.incomingBidirectionalStreams.getReader();
  const theirs: WebTransportBidirectionalStream | undefined = (await bidis.read()).value;
  assert.ok(theirs);
  bidis.releaseLock();
  const reader = theirs.readable.getReader();
  assert.deepEqual((await reader.read()).value, pattern(3));
  const answer = theirs.writable.getWriter();
  await answer.write(pattern(4));
  await until(() => answers.size === 4);
  ours.finish();
  assert.equal((await reader.read()).done, true);
  await answer.close();
  await until(() => answers.events.length === 1);
  assert.deepEqual(answers.events, ["fin"]);
}

async function manyStreams(session: WebTransport, watcher: Watcher, link: Link, count: number): Promise<void> {
  const before = watcher.unis.length;
  for (let index = 0; index < count; index++) {
    const writer = (await session.createUnidirectionalStream()).getWriter();
    await writer.write(pattern(10));
    await writer.close();
  }
  await until(() => watcher.unis.length === before + count);
  const incoming = session.incomingUnidirectionalStreams.getReader();
  const reading = (async () => {
    for (let index = 0; index < count; index++) await readAll((await incoming.read()).value);
  })();
  for (let index = 0; index < count; index++) {
    let stream = link.openUni(index % 7, silent);
    for (const seen = watcher.capacities; stream === undefined; stream = link.openUni(0, silent)) {
      await until(() => watcher.capacities > seen);
    }
    stream.write(pattern(20));
    stream.finish();
  }
  await reading;
  incoming.releaseLock();
}

describe("our server and the newest client", () => {
  let server: Server;
  let listener: Listener;
  let url: string;
  let watcher = new Echo();
  before(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/path`;
    const onRequest = (offered: LinkRequest) => {
      watcher = new Echo();
      offered.accept(watcher.attach);
    };
    listener = engine.attach(server, { protocols: [PROTOCOL, ""], limits: LIMITS }, onRequest);
  });
  after(async () => {
    await listener.close();
    await new Promise((resolve) => server.close(resolve));
  });

  async function open(offer: (typeof FORMS)[number]): Promise<{ session: Session; link: Link }> {
    const session = new Session(url, {
      protocols: [PROTOCOL],
      versions: { [PROTOCOL]: offer },
      requireProtocol: true,
    });
    session.closed.catch(() => {});
    await session.ready;
    await until(() => watcher.link !== undefined);
    assert.equal(session.protocol, PROTOCOL);
    assert.equal(watcher.link?.info.protocol, PROTOCOL);
    return { session, link: watcher.link };
  }

  for (const offer of FORMS) {
    test(`${offer}: exchange data on streams of all kinds`, async () => {
      const { session, link } = await open(offer);
      await exchange(session, watcher, link);
      session.close();
    });

    test(`${offer}: go through more streams than may be open at a time`, async () => {
      const { session, link } = await open(offer);
      await manyStreams(session, watcher, link, 350);
      session.close();
    });

    test(`${offer}: carry the codes of resets and stops`, async () => {
      const { session, link } = await open(offer);
      const writer = (await session.createUnidirectionalStream()).getWriter();
      await writer.write(pattern(10));
      await until(() => watcher.unis.length === 1);
      const { StreamError } = await import("@moq/qmux");
      await writer.abort(new StreamError(26));
      await until(() => watcher.unis[0]?.got.events.length === 1);
      assert.deepEqual(watcher.unis[0]?.got.events, ["reset 26"]);

      const stopped = (await session.createUnidirectionalStream()).getWriter();
      await stopped.write(pattern(10));
      await until(() => watcher.unis.length === 2);
      watcher.unis[1]?.stream.stop(27);
      assert.equal(await streamError(stopped.closed), 27);

      const incoming = session.incomingUnidirectionalStreams.getReader();
      const stream = link.openUni(0, silent)!;
      stream.write(pattern(10));
      const received = (await incoming.read()).value?.getReader();
      assert.ok(received);
      await received.read();
      stream.reset(28);
      assert.equal(await streamError(received.read()), 28);

      const got = new Received();
      link.openUni(0, got)!.write(pattern(10));
      const refused = (await incoming.read()).value;
      assert.ok(refused);
      await refused.cancel(new StreamError(29));
      await until(() => got.events.length === 1);
      assert.deepEqual(got.events, ["stop 29"]);
      session.close();
    });

    test(`${offer}: close with code and reason, from either end`, async () => {
      const first = await open(offer);
      first.session.close({ closeCode: 40, reason: "theirs" });
      await until(() => watcher.closings.length === 1);
      assert.deepEqual(watcher.closings, [{ by: "remote", code: 40, reason: "theirs" }]);
      const second = await open(offer);
      second.link.close(41, "ours");
      assert.deepEqual(await second.session.closed, { closeCode: 41, reason: "ours" });
    });
  }

  test("the newest of several offered forms is chosen", async () => {
    const session = new Session(url, { protocols: [PROTOCOL], versions: { [PROTOCOL]: null } });
    await session.ready;
    assert.equal(session.protocol, PROTOCOL);
    await until(() => watcher.link !== undefined);
    await exchange(session, watcher, watcher.link!);
    session.close();
  });

  test("datagrams are not offered", async () => {
    const { session, link } = await open("qmux-02");
    await exchange(session, watcher, link);
    assert.equal(session.datagrams.maxDatagramSize, 0);
    assert.equal(link.maxDatagramSize, 0);
    assert.equal(link.sendDatagram(pattern(1)), false);
    session.close();
  });

  test("the older client of a published player works with the form that it offers", async () => {
    const older = await olderSession();
    const session = new older(url);
    await session.ready;
    await until(() => watcher.link !== undefined);
    assert.equal(watcher.link?.info.protocol, "");
    await exchange(session, watcher, watcher.link);
    await manyStreams(session, watcher, watcher.link, 350);
    session.close({ closeCode: 3, reason: "bye" });
    await until(() => watcher.closings.length === 1);
    assert.equal(watcher.closings[0]?.by, "remote");
    assert.equal(watcher.closings[0]?.code, 3);
  });
});

/** The copy of @moq/qmux that @moq/publish brings along. */
async function olderSession(): Promise<new (url: string) => WebTransport> {
  const publisher = findPackageJSON("@moq/publish", import.meta.url);
  assert.ok(publisher);
  const manifest = findPackageJSON("@moq/qmux", pathToFileURL(publisher));
  assert.ok(manifest);
  const loaded = await import(pathToFileURL(join(dirname(manifest), "index.js")).href);
  return loaded.default;
}

describe("our client and the newest server", () => {
  let server: WebSocketServer;
  let offer: (typeof FORMS)[number] = "qmux-02";
  const waiting: ((session: Session) => void)[] = [];
  before(async () => {
    server = new WebSocketServer({
      port: 0,
      host: "127.0.0.1",
      handleProtocols: (offered) =>
        selectSubprotocol([...offered], { protocols: [PROTOCOL], versions: { [PROTOCOL]: offer } }) ?? false,
    });
    await new Promise((resolve) => server.once("listening", resolve));
    server.on("connection", (ws: WebSocket) => {
      // Its messages have to come as the browser's API gives them.
      ws.binaryType = "arraybuffer";
      const session = Session.accept(ws as ConstructorParameters<typeof Session>[0] as never);
      session.closed.catch(() => {});
      waiting.shift()?.(session);
    });
  });
  after(async () => {
    for (const ws of server.clients) ws.terminate();
    await new Promise((resolve) => server.close(resolve));
  });

  async function open(): Promise<{ session: Session; link: Link; watcher: Echo }> {
    const accepted = new Promise<Session>((resolve) => waiting.push(resolve));
    const watcher = new Echo();
    const link = await engine.dial(
      {
        url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
        protocols: [PROTOCOL],
        trust: { kind: "system" },
        limits: LIMITS,
        timeoutMs: 5_000,
      },
      watcher.attach,
    );
    const session = await accepted;
    await session.ready;
    assert.equal(session.protocol, PROTOCOL);
    return { session, link, watcher };
  }

  for (const form of FORMS) {
    test(`${form}: exchange data, open many streams and close`, async () => {
      offer = form;
      const { session, link, watcher } = await open();
      await exchange(session, watcher, link);
      await manyStreams(session, watcher, link, 250);
      link.close(9, "over");
      assert.deepEqual(await session.closed, { closeCode: 9, reason: "over" });
    });
  }
});
