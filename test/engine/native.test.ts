/** What the native engine does beyond the transport contract. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { Link, SendStream } from "../../moq/link.ts";
import { createRwebtransport } from "../../transport/rwebtransport/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { Authority } from "../support/authority.ts";
import { testCertificate } from "../support/certificate.ts";
import { missingEngine } from "../support/engines.ts";
import { until } from "../support/until.ts";
import { bytesOf, digestOf, pattern, unheard } from "../transport/fixtures.ts";
import { Network } from "./support/network.ts";
import { dialTo, type Met, meeting, type NativeEngine, startEngine } from "./support/pair.ts";

/** Bytes of one link that wait for the program at most: `LINK_UNREAD` in `engine/src/link_shared.rs`. */
const UNREAD = 1024 * 1024;

describe("the native engine", { skip: missingEngine() }, () => {
  let engine: NativeEngine;
  before(async () => {
    engine = await startEngine();
  });

  /** Sends a stream and waits until it has come whole. */
  async function delivers(link: Link, met: Met, bytes = 200_000): Promise<void> {
    const content = pattern(bytes);
    const streams = met.recorders.reduce((sum, { unis }) => sum + unis.length, 0);
    const stream = link.openUni(1, unheard);
    stream?.write(content);
    stream?.finish();
    const all = () => met.recorders.flatMap(({ unis }) => unis);
    const record = await until(() => all()[streams]?.done, "the stream");
    assert.equal(record.digest(), digestOf(content));
  }

  test("speaks raw QUIC and WebTransport on one port", async (t) => {
    const met = await meeting(t, engine, await testCertificate());
    const raw = await dialTo(t, engine, met.listener.address.port, { scheme: "moql", host: "localhost" });
    const web = await dialTo(t, engine, met.listener.address.port);
    await until(() => met.infos.length === 2, "both");
    const seen = met.infos.map(({ binding, protocol, authority, path }) => [binding, protocol, authority, path]);
    assert.deepEqual(seen, [
      ["quic", "moq-lite-05", "localhost", ""],
      ["webtransport", "moq-lite-05", `127.0.0.1:${met.listener.address.port}`, "/some/path"],
    ]);
    for (const { link } of [raw, web]) await delivers(link, met);
    raw.link.close(2 ** 32 - 1, "größer");
    const closing = await until(() => met.recorders[0]?.closing, "the close");
    assert.deepEqual(closing, { by: "remote", code: 2 ** 32 - 1, reason: "größer" });
  });

  test("gives a WebTransport client that offers no protocol the one of the listener for such clients", async (t) => {
    const met = await meeting(t, engine, await testCertificate(), { unoffered: "moq-lite-04" });
    const none = await dialTo(t, engine, met.listener.address.port, { protocols: [] });
    await dialTo(t, engine, met.listener.address.port);
    await until(() => met.infos.length === 2, "both");
    assert.deepEqual(met.infos.map(({ protocol }) => protocol).toSorted(), ["moq-lite-04", "moq-lite-05"]);
    assert.equal(none.link.info.protocol, "");
  });

  test("speaks to a server that names no protocol the one for such servers, where it offers that one", async (t) => {
    const other = await createRwebtransport({ clock: systemClock, warn: () => {} });
    const { listener } = await meeting(t, other, await testCertificate(), { protocols: ["unknown"] });
    const { port } = listener.address;
    const dial = { protocols: ["moq-lite-05", "moq-00"], trust: { kind: "insecure" } } as const;
    const { link } = await dialTo(t, engine, port, { ...dial, unanswered: "moq-00" });
    assert.equal(link.info.protocol, "moq-00");
    await assert.rejects(dialTo(t, engine, port, dial), { code: "no_common_protocol" });
    await assert.rejects(dialTo(t, engine, port, { ...dial, protocols: ["moq-lite-05"], unanswered: "moq-00" }), {
      code: "no_common_protocol",
    });
  });

  test("negotiates a raw protocol by ALPN, and refuses others", async (t) => {
    const met = await meeting(t, engine, await testCertificate());
    const { port } = met.listener.address;
    const { link } = await dialTo(t, engine, port, { scheme: "moql", protocols: ["moq-lite-03", "moq-lite-04"] });
    assert.equal(link.info.protocol, "moq-lite-04");
    await assert.rejects(dialTo(t, engine, port, { scheme: "moql", protocols: ["moq-lite-03"] }), {
      code: "no_common_protocol",
    });
  });

  test("verifies against given roots and names, and serves each name its own certificate", async (t) => {
    const ours = await Authority.make("ours");
    const names = new Map([["localhost", await ours.issue({ names: ["localhost"] })]]);
    const met = await meeting(t, engine, { ...(await ours.issue({ names: ["127.0.0.1"] })), names });
    const { port } = met.listener.address;
    const trust = { kind: "roots", pem: ours.root } as const;
    for (const host of ["localhost", "127.0.0.1"]) {
      const { link } = await dialTo(t, engine, port, { host, trust });
      const shown = new X509Certificate(Buffer.from(link.info.peerCertificate ?? []));
      assert.equal(shown.subject, `CN=${host}`);
    }
    const others = await Authority.make("others");
    const foreign = { kind: "roots", pem: others.root } as const;
    await assert.rejects(dialTo(t, engine, port, { trust: foreign }), { code: "dial_failed" });
    await assert.rejects(dialTo(t, engine, port, { trust: { kind: "system" } }), { code: "dial_failed" });
  });

  test("reports a client's certificate, accepts clients without one, and refuses one of other roots", async (t) => {
    const ours = await Authority.make("ours");
    const others = await Authority.make("others");
    const met = await meeting(t, engine, await testCertificate(), { clients: { pem: ours.root, required: false } });
    const { port } = met.listener.address;
    const certificate = await ours.issue({ use: "client", names: ["peer-1"] });
    await dialTo(t, engine, port, { certificate });
    await dialTo(t, engine, port);
    await until(() => met.infos.length === 2, "both");
    const [shown, none] = met.infos;
    assert.equal(new X509Certificate(Buffer.from(shown?.peerCertificate ?? [])).subject, "CN=peer-1");
    assert.equal(none?.peerCertificate, undefined);
    const foreign = await others.issue({ use: "client", names: ["peer-2"] });
    await assert.rejects(dialTo(t, engine, port, { certificate: foreign }), { code: "dial_failed" });
  });

  test("allows few streams at first and more as they are used, up to the limit", async (t) => {
    const careful = await startEngine({ initialStreams: 16 });
    const met = await meeting(t, careful, await testCertificate(), { limits: { uniStreams: 100 } });
    const { link } = await dialTo(t, engine, met.listener.address.port);
    const streams: SendStream[] = [];
    // None of them ends, so all are open at once.
    const open = () => {
      for (let one = link.openUni(1, unheard); one !== undefined; one = link.openUni(1, unheard)) {
        one.write(bytesOf("x"));
        streams.push(one);
      }
      return streams.length;
    };
    const atOnce = open();
    assert.ok(atOnce > 0 && atOnce <= 16, `${atOnce} at once`);
    await until(() => open() === 100, "all that are allowed");
    await until(() => met.recorders[0]?.unis.length === 100, "all of them at the other end");
    assert.equal(open(), 100);
    for (const stream of streams) stream.finish();
    await until(() => link.openUni(1, unheard), "room for another");
  });

  test("swaps its certificate under 200 links and drops none", async (t) => {
    const first = await testCertificate();
    const second = await testCertificate();
    const met = await meeting(t, engine, first);
    const { port } = met.listener.address;
    const links: Link[] = [];
    for (let i = 0; i < 10; i++) {
      const some = await Promise.all(Array.from({ length: 20 }, () => dialTo(t, engine, port)));
      links.push(...some.map(({ link }) => link));
    }
    assert.equal(met.listener.setCertificate(second), true);
    const trust = { kind: "hashes", sha256: [second.sha256] } as const;
    const fresh = await dialTo(t, engine, port, { trust });
    const old = { kind: "hashes", sha256: [first.sha256] } as const;
    await assert.rejects(dialTo(t, engine, port, { trust: old }), { code: "dial_failed" });
    for (const link of [...links, fresh.link]) {
      const stream = link.openUni(1, unheard);
      stream?.write(bytesOf("still here"));
      stream?.finish();
    }
    const said = () => met.recorders.flatMap(({ unis }) => unis).filter(({ text }) => text === "still here");
    await until(() => said().length === 201, "a word on every link");
    assert.ok(met.recorders.every(({ closing }) => closing === undefined));
  });

  test("stops reading at a bound while the program is blocked, and loses nothing", async (t) => {
    const windows = { streamReceiveWindow: 256 * 1024, receiveWindow: 512 * 1024 };
    const listening = await startEngine(windows);
    const met = await meeting(t, listening, await testCertificate());
    const { link } = await dialTo(t, engine, met.listener.address.port);
    const server = await until(() => met.recorders[0]?.link, "the link");
    const content = pattern(8 * 1024 * 1024);
    for (const stream of [link.openUni(1, unheard), link.openUni(1, unheard)]) {
      stream?.write(content);
      stream?.finish();
    }
    // What was written takes effect; then the program is away, while the threads of both engines go on.
    await Promise.resolve();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    const before = server.stats().bytesReceived;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    const after = server.stats().bytesReceived;
    assert.ok(before > UNREAD / 2, `${before} bytes`);
    // One window more, and the packets around them.
    assert.ok(after < 1.2 * (UNREAD + windows.receiveWindow), `${after} bytes came although nobody reads`);
    const records = () => met.recorders[0]?.unis ?? [];
    await until(() => records().length === 2 && records().every(({ end }) => end === "fin"), "both ends");
    for (const record of records()) assert.equal(record.digest(), digestOf(content));
  });

  for (const congestion of ["cubic", "delay", "newreno"] as const) {
    test(`sends through a network that loses packets, with ${congestion} and few acknowledgements`, async (t) => {
      const sending = await startEngine({ congestion });
      const met = await meeting(t, engine, await testCertificate());
      const network = await Network.to(met.listener.address.port);
      t.after(() => network.close());
      const { link } = await dialTo(t, sending, network.port);
      network.loss = 0.03;
      await delivers(link, met, 1_000_000);
      assert.ok((link.stats().packetsLost ?? 0) > 0);
    });
  }

  test("is not slowed down by a loss of one packet in a hundred", async (t) => {
    const times: number[] = [];
    for (const settings of [{ congestion: "cubic" } as const, {}]) {
      const sending = await startEngine(settings);
      const met = await meeting(t, engine, await testCertificate());
      const network = await Network.to(met.listener.address.port);
      t.after(() => network.close());
      network.delayMs = 20;
      const { link } = await dialTo(t, sending, network.port);
      network.loss = 0.01;
      const from = performance.now();
      await delivers(link, met, 3_000_000);
      times.push(performance.now() - from);
    }
    const [cubic = 0, usual = 0] = times;
    assert.ok(usual < cubic / 2, `${Math.round(usual)} ms, and ${Math.round(cubic)} ms with cubic`);
    t.diagnostic(`${Math.round(usual)} ms, and ${Math.round(cubic)} ms with cubic`);
  });

  test("sends larger packets when both ends accept them", async (t) => {
    const counts: number[] = [];
    for (const settings of [{}, { maxMtu: 8_900 }]) {
      const both = await startEngine(settings);
      const met = await meeting(t, both, await testCertificate());
      const network = await Network.to(met.listener.address.port);
      t.after(() => network.close());
      const { link } = await dialTo(t, both, network.port);
      // Never more than the buffers of sockets hold: what is lost there looks like a path that carries less.
      for (let probe = 0; probe < 40; probe++) await delivers(link, met, 100);
      const before = network.packets.up;
      for (let part = 0; part < 10; part++) await delivers(link, met, 50_000);
      counts.push(network.packets.up - before);
    }
    const [usual = 0, large = 0] = counts;
    assert.ok(usual > 330 && large < usual / 2, `${usual} packets, then ${large}`);
  });

  test("makes peers delay their acknowledgements when `ackDelay` is set", async (t) => {
    const acks: number[] = [];
    for (const ackDelay of [0, 100]) {
      const sending = await startEngine({ ackDelay });
      const met = await meeting(t, engine, await testCertificate());
      const network = await Network.to(met.listener.address.port);
      t.after(() => network.close());
      network.delayMs = 50;
      const { link } = await dialTo(t, sending, network.port);
      const stream = link.openUni(0, unheard);
      assert.ok(stream);
      for (let frame = 1; frame <= 30; frame++) {
        stream.write(pattern(100));
        await until(() => met.recorders[0]?.unis[0]?.received === 100 * frame, "a frame");
        // The handshake is over by then, and the round trip is known.
        if (frame === 10) acks.push(network.packets.down);
      }
      acks.push(network.packets.down - (acks.pop() ?? 0));
    }
    const [usual = 0, held = 0] = acks;
    assert.ok(held < 0.8 * usual, `${usual} acknowledgements, then ${held}`);
  });

  test("says that a network is dark, and which streams wait for acknowledgements, and that the dark is over", async (t) => {
    const met = await meeting(t, engine, await testCertificate());
    const network = await Network.to(met.listener.address.port);
    t.after(() => network.close());
    const { link, events } = await dialTo(t, engine, network.port);
    const [first, second] = [link.openUni(1, unheard), link.openUni(1, unheard)];
    assert.ok(first && second);
    for (const stream of [first, second]) stream.write(pattern(100));
    await until(() => met.recorders[0]?.unis[1]?.received === 100, "the streams");
    first.finish();
    assert.equal(first.acknowledged, false);
    // The engine reports the end of a stream with its next event.
    const other = link.openUni(1, unheard);
    const isAcknowledged = (stream: SendStream) => () => {
      other?.write(pattern(1));
      return stream.acknowledged;
    };
    await until(isAcknowledged(first), "the acknowledgement of the first stream");
    network.dark = true;
    second.write(pattern(100));
    second.finish();
    await until(() => events.darks >= 2, "word of the dark, again and again");
    assert.deepEqual([first.acknowledged, second.acknowledged, second.queued], [true, false, 0]);
    const before = events.darks;
    network.dark = false;
    await until(isAcknowledged(second), "the acknowledgement of the second stream");
    assert.ok(events.darks > before, "word of the end of the dark");
    second.reset(0);
    assert.equal(met.recorders[0]?.unis[1]?.end, "fin");
    assert.equal(met.recorders[0]?.darks, 0, "the server had nothing to send");
  });

  test("tries a dark network often with a full window, so that bytes come soon after the dark", async (t) => {
    const met = await meeting(t, engine, await testCertificate());
    const network = await Network.to(met.listener.address.port);
    t.after(() => network.close());
    network.delayMs = 10;
    const { link } = await dialTo(t, engine, network.port);
    await delivers(link, met, 20_000);
    link.openUni(1, unheard)?.write(pattern(4_000_000));
    const received = () => met.recorders[0]?.unis[1]?.received ?? 0;
    await until(() => received() > 0, "the first bytes");
    network.dark = true;
    // Packets less than 20 ms apart are of one try.
    let [tries, last, seen] = [0, performance.now(), network.packets.up];
    const end = last + 3_000;
    await until(() => {
      const now = performance.now();
      if (network.packets.up > seen) {
        if (now - last > 20) tries++;
        [last, seen] = [now, network.packets.up];
      }
      return now > end;
    }, "the end of the dark");
    // The back-off of RFC 9002 doubles: at most 6 tries. One every 100 ms and two round trips makes 15 to 20, and 10 on a busy machine.
    assert.ok(tries >= 8, `${tries} tries`);
    const before = received();
    network.dark = false;
    await until(() => received() > before, "bytes after the dark");
  });

  test("notices on both ends that the network between them went dark", async (t) => {
    const limits = { idleTimeoutMs: 600, keepAliveMs: 150 };
    const met = await meeting(t, engine, await testCertificate(), { limits });
    const network = await Network.to(met.listener.address.port);
    t.after(() => network.close());
    const { link, events } = await dialTo(t, engine, network.port, { limits });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    assert.equal(link.ended, false, "a silent link lives on by its keep-alive");
    network.dark = true;
    const ends = await until(() => met.recorders[0]?.closing && events.closing && [met, events], "both ends");
    assert.equal(ends.length, 2);
    assert.deepEqual([met.recorders[0]?.closing?.by, events.closing?.by], ["timeout", "timeout"]);
    for (const end of [met.recorders[0], events]) {
      assert.ok(
        end?.figures && end.figures.bytesSent > 0 && end.figures.bytesReceived > 0,
        "the last figures are kept",
      );
    }
  });

  test("makes every client prove its address when `retryAbove` is 0", async (t) => {
    const listening = await startEngine({ retryAbove: 0 });
    const met = await meeting(t, listening, await testCertificate());
    const { link } = await dialTo(t, engine, met.listener.address.port);
    await delivers(link, met);
  });

  test("writes a qlog file of each connection when a folder is set", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-qlog-"));
    t.after(() => rm(folder, { recursive: true }));
    const logging = await startEngine({ qlog: join(folder, "deep", "er") });
    const met = await meeting(t, logging, await testCertificate());
    const { link } = await dialTo(t, logging, met.listener.address.port);
    await delivers(link, met);
    link.close(0, "");
    await met.listener.close();
    const files = (await readdir(join(folder, "deep", "er"))).map((name) => name.replace(/^\d+-\d+-/, ""));
    assert.deepEqual(files.sort(), ["client.sqlog", "server.sqlog"]);
  });

  test("distributes links over its threads", async (t) => {
    const threads = await startEngine({ threads: 3 });
    const met = await meeting(t, threads, await testCertificate());
    const dialled = await Promise.all(Array.from({ length: 12 }, () => dialTo(t, threads, met.listener.address.port)));
    const fan = threads.fanOut();
    await until(() => met.recorders.length === 12, "all links");
    for (const { link } of met.recorders) {
      const stream = link?.openUni(1, unheard);
      assert.ok(stream);
      fan.add(stream);
    }
    const content = pattern(300_000);
    fan.write(content);
    fan.finish();
    for (const { events } of dialled) {
      const record = await until(() => events.unis[0]?.done, "the stream");
      assert.equal(record.digest(), digestOf(content));
    }
    const names = await threadNames();
    if (names !== undefined) assert.ok([0, 1, 2].every((index) => names.includes(`moqmesh-quic-${index}`)));
  });
});

/** Names of this process's threads, on systems that have `/proc`. */
async function threadNames(): Promise<string[] | undefined> {
  try {
    const ids = await readdir("/proc/self/task");
    return await Promise.all(ids.map(async (id) => (await readFile(`/proc/self/task/${id}/comm`, "utf8")).trim()));
  } catch {
    return undefined;
  }
}
