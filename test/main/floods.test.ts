/** Relays in processes of their own, at which too much arrives: those who are served already lose nothing, and it passes without help. */
import assert from "node:assert/strict";
import type { Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect as connectTcp, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseMetrics } from "../../lab/admin.ts";
import { connect } from "../../relay/client/index.ts";
import { type Program, programsForTests } from "../cli/support/process.ts";
import { dialling, openClient } from "../support/client.ts";
import { missingEngine, missingLinux, nativeClient } from "../support/engines.ts";
import { firstFlight, flood, socketsOf } from "../support/half-open.ts";
import { TestKey } from "../support/keys.ts";
import { until } from "../support/until.ts";

const { serve, folder } = programsForTests();
const skip = missingEngine() || (await missingLinux());

const MIB = 2 ** 20;
const SYSTEM = { kind: "system" } as const;
const OFTEN = ["--health.probe_interval", "200ms", "--health.failures", "2", "--engine", "native"];

/** A relay, a broadcast, and two viewers of it: over QUIC and over a WebSocket. */
class Served {
  readonly program: Program;
  readonly port: number;
  readonly admin: number;
  /** Longest time in milliseconds without a new group, by viewer. */
  readonly gaps: number[] = [];
  readonly #token: string;
  #stop = () => {};

  private constructor(program: Program, ports: { port: number; admin: number }, token: string) {
    this.program = program;
    this.port = ports.port;
    this.admin = ports.admin;
    this.#token = token;
  }

  /** It ends with the test `t`. */
  static async start(t: TestContext, program: Program, token = ""): Promise<Served> {
    const served = new Served(program, await program.ready(), token);
    t.after(() => served.#stop());
    await served.#begin();
    return served;
  }

  at(scheme: string): URL {
    return new URL(`${scheme}://127.0.0.1:${this.port}/?${this.#token}`);
  }

  async metrics(): Promise<(name: string) => number> {
    const samples = parseMetrics(await (await fetch(`http://127.0.0.1:${this.admin}/metrics`)).text());
    return (name) => samples.get(`moqmesh_${name}`) ?? 0;
  }

  /** The reasons for not being ready. Fails when the relay is not live. */
  async reasons(): Promise<string[]> {
    const ask = async (path: string) => await fetch(`http://127.0.0.1:${this.admin}/health/${path}`);
    assert.equal((await ask("live")).status, 200);
    const response = await ask("ready");
    const { reasons } = (await response.json()) as { reasons: string[] };
    assert.equal(response.status, reasons.length === 0 ? 200 : 503);
    return reasons;
  }

  /** A new client gets in, over QUIC or a WebSocket. */
  async admits(scheme: string): Promise<void> {
    const trust = scheme === "https" ? ({ kind: "insecure" } as const) : SYSTEM;
    await (await connect(this.at(scheme), { trust, timeoutMs: 20_000 })).close();
  }

  get residentBytes(): number {
    const pages = readFileSync(`/proc/${this.program.child.pid}/statm`, "utf8").split(" ")[1];
    return Number(pages) * 4_096;
  }

  async #begin(): Promise<void> {
    const open = async (scheme: string) =>
      await openClient(dialling(this.at(scheme), { trust: SYSTEM, protocol: "moq-lite-04", timeoutMs: 20_000 }));
    const publisher = await open("ws");
    const live = publisher.client.publish("live");
    const clients = [await open("http"), await open("ws")];
    const viewers = clients.map(({ client }) => client.watch("live"));
    await until(() => live.sinks.size > 0);
    let sequence = 0;
    let last = performance.now();
    const seen = viewers.map(() => ({ groups: 0, at: last }));
    const feeding = setInterval(() => {
      const now = performance.now();
      live.send(sequence++, "frame");
      // A pause of this process is no gap of the relay.
      const paused = now - last - FEED_MS;
      last = now;
      for (const [index, viewer] of viewers.entries()) {
        const one = seen[index]!;
        one.at += Math.max(0, paused);
        if (viewer.groups.length > one.groups) Object.assign(one, { groups: viewer.groups.length, at: now });
        this.gaps[index] = Math.max(this.gaps[index] ?? 0, now - one.at);
      }
    }, FEED_MS);
    await until(() => viewers.every(({ groups }) => groups.length > 2));
    this.gaps.fill(0);
    this.#stop = () => {
      clearInterval(feeding);
      for (const { client } of [publisher, ...clients]) client.session.close(0, "done");
    };
  }
}

/** Milliseconds between two groups. */
const FEED_MS = 50;

/** Longest gap in milliseconds that counts as none, on a machine that does much else. */
const UNSEEN_MS = 5_000;

/** Reasons for not being ready that a machine which does much else causes by itself. */
const BUSY = ["event_loop_blocked", "quic_unreachable", "websocket_unreachable"];

/** Connections that send nothing. */
function silentConnections(t: TestContext, port: number, count: number): Socket[] {
  const all = Array.from({ length: count }, () => connectTcp(port, "127.0.0.1").on("error", () => {}));
  t.after(() => {
    for (const socket of all) socket.destroy();
  });
  return all;
}

test("10,000 handshakes that never go on, and 1,500 silent connections: viewers see nothing, new ones get in, memory is bounded, and it passes", {
  skip,
}, async (t) => {
  const served = await Served.start(t, serve([...OFTEN, "--limits.handshake_timeout", "4s"]));
  const flight = await firstFlight(await nativeClient());
  assert.ok(flight.length > 0);
  const sockets: UdpSocket[] = await socketsOf(50);
  t.after(() => {
    for (const socket of sockets) socket.close();
  });
  const before = served.residentBytes;
  silentConnections(t, served.port, 1_500);
  const flooding = flood(sockets, flight, served.port, 10_000, 2_500);
  const honest = Promise.all(["https", "ws", "https", "ws"].map((scheme) => served.admits(scheme)));
  let during = 0;
  for (let over = false; !over; ) {
    const reasons = await served.reasons();
    assert.deepEqual(
      reasons.filter((code) => !BUSY.includes(code)),
      [],
    );
    during = Math.max(during, served.residentBytes);
    over = await Promise.race([
      flooding.then(() => true),
      new Promise<false>((resolve) => setTimeout(resolve, 100, false)),
    ]);
  }
  await honest;
  const metrics = await served.metrics();
  const handshakes = metrics("engine_handshakes_total") + metrics("handshakes_limited_total");
  assert.ok(handshakes > 5_000, `${handshakes} handshakes arrived`);
  assert.ok(during - before < 128 * MIB, `${(during - before) / MIB} MiB more`);
  // Its probes of itself come and go.
  await until(async () => (await served.metrics())("engine_worker_links") <= 2, "the engine has forgotten them");
  await until(async () => (await served.metrics())("http_connections") <= 4, "the port has forgotten them");
  await served.admits("https");
  await until(async () => (await served.reasons()).length === 0, "ready");
  assert.ok(Math.max(...served.gaps) < UNSEEN_MS, `gaps of ${served.gaps.join(" and ")} ms`);
});

test("file descriptors used up by connections: not ready, live, keys and probes work on, viewers see nothing, and it passes", {
  skip,
}, async (t) => {
  const key = await TestKey.make("a");
  const jwk = await readFile(join(key.folder, "a.jwk"), "utf8");
  let fetched = 0;
  const keyServer = createServer((_request, response) => {
    fetched++;
    response.setHeader("Connection", "close").end(JSON.stringify({ keys: [JSON.parse(jwk)] }));
  }).listen(0, "127.0.0.1");
  await once(keyServer, "listening");
  t.after(() => keyServer.close());
  const keyUrl = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/`;
  const keys = join(folder, "keys");
  await mkdir(keys);
  await writeFile(join(keys, "a.jwk"), jwk);
  const settings = ["--auth.key_dir", keys, "--auth.key_url", keyUrl, "--auth.key_url_refresh", "1s"];
  const limit = 160;
  const program = serve([...OFTEN, ...settings, "--auth.key_url_cooldown", "1s", "--limits.handshake_timeout", "5m"], {
    descriptors: limit,
  });
  const token = `jwt=${await key.token({ get: [""], put: [""] })}`;
  const served = await Served.start(t, program, token);
  const connections = silentConnections(t, served.port, 2 * limit);
  await until(async () => (await served.reasons()).includes("file_descriptors"), "not ready");
  await program.says(/out of file descriptors: new TCP connections are cut/);
  const refused = async () => {
    connections.push(...silentConnections(t, served.port, 20));
    return await served.admits("ws").then(
      () => false,
      () => true,
    );
  };
  await until(refused, "a WebSocket is refused");
  await served.admits("https");
  const fetchedThen = fetched;
  await writeFile(join(keys, "b.jwk"), JSON.stringify({ ...JSON.parse(jwk), kid: "b" }));
  await until(() => fetched > fetchedThen + 1, "keys are fetched");
  await until(async () => (await served.metrics())("auth_keys") >= 2, "a new key file is read");
  const reasons = await served.reasons();
  assert.ok(
    reasons.every((code) => ["file_descriptors", "websocket_unreachable"].includes(code)),
    reasons.join(),
  );
  for (const socket of connections) socket.destroy();
  await until(async () => (await served.reasons()).length === 0, "ready again");
  await served.admits("ws");
  assert.ok(Math.max(...served.gaps) < UNSEEN_MS, `gaps of ${served.gaps.join(" and ")} ms`);
  assert.equal((await served.metrics())("defects_total"), 0);
  await key.remove();
});
