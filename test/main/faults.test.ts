/** Faults injected into whole relays: readiness with its reason, liveness, recovery without help. Each relay serves on afterwards. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../../lab/ports.ts";
import type { Engine, WorkerPulse } from "../../moq/link.ts";
import { connect } from "../../relay/client/index.ts";
import { RedisServer, withoutRedis } from "../cluster/redis-server.ts";
import { missingEngine, nativeClient } from "../support/engines.ts";
import { TestKey } from "../support/keys.ts";
import { type Settings, TestRelay, type TestRelayOptions, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const DAY_MS = 86_400_000;
const OFTEN: Settings = { "health.probe_interval": "50ms", "health.probe_timeout": "500ms", "health.failures": "2" };

/** The codes that keep the relay from being ready, and those of its warnings. The relay is live with each. */
function codes({ relay }: TestRelay): { reasons: string[]; warnings: string[] } {
  const { live, ready, reasons, warnings } = relay.health();
  assert.equal(live, true);
  assert.equal(ready, reasons.length === 0);
  assert.deepEqual(
    relay.reasons(),
    reasons.map(({ code }) => code),
  );
  return { reasons: reasons.map(({ code }) => code), warnings: warnings.map(({ code }) => code) };
}

const notReady = (relay: TestRelay, code: string) => until(() => codes(relay).reasons.includes(code), code);
const warned = (relay: TestRelay, code: string) => until(() => codes(relay).warnings.includes(code), code);
const recovered = (relay: TestRelay) => until(() => codes(relay).reasons.length === 0, "ready again");
const quiet = (relay: TestRelay) => until(() => codes(relay).warnings.length === 0, "no warning");

/** Opens a session as a client does. */
async function serves(relay: TestRelay, query = ""): Promise<void> {
  const client = await connect(relay.at("ws", `/${query}`), { trust: { kind: "system" }, timeoutMs: 10_000 });
  await client.announced("", () => {}).ready;
  await client.close();
}

/** A relay whose fault comes with `inject` and goes with `mend`; it serves a client afterwards. */
async function faulty(
  settings: Settings,
  options: TestRelayOptions,
  course: (relay: TestRelay) => Promise<void>,
): Promise<void> {
  await withRelay(
    settings,
    async (relay) => {
      await course(relay);
      await serves(relay);
    },
    options,
  );
}

describe("the clock and the certificate", () => {
  test("a wall clock that jumps is a warning, an expired certificate a reason; both pass when the clock is right again", () => {
    let ahead = 0;
    return faulty({}, { wallNow: () => Date.now() + ahead }, async (relay) => {
      await until(() =>
        relay.relay.health().checks.some(({ code, state }) => code === "clock_jumped" && state === "ok"),
      );
      assert.deepEqual(codes(relay), { reasons: [], warnings: [] });
      ahead = 60_000;
      await warned(relay, "clock_jumped");
      assert.deepEqual(codes(relay).reasons, []);
      ahead = 30 * DAY_MS;
      await notReady(relay, "certificate_expired");
      ahead = -30 * DAY_MS;
      await notReady(relay, "certificate_not_yet_valid");
      ahead = 0;
      await recovered(relay);
    });
  });
});

test("an event loop that was blocked for two seconds is a reason for three seconds", () =>
  faulty({ "health.event_loop": "1s" }, {}, async (relay) => {
    const end = performance.now() + 2_000;
    while (performance.now() < end);
    await notReady(relay, "event_loop_blocked");
    const blockedAt = performance.now();
    await recovered(relay);
    assert.ok(performance.now() - blockedAt > 2_500);
  }));

describe("the engine", { skip: missingEngine() }, () => {
  test("a thread that is stuck is a reason, and after a longer time the relay is no longer live", async () => {
    const engine = await nativeClient();
    const pulse = (silentMs: number): WorkerPulse => ({ silentMs, links: 3, busySeconds: 0, queued: 0 });
    let pulses = [pulse(0)];
    const watched: Engine = {
      name: engine.name,
      dialsAddresses: true,
      trustsRoots: true,
      clientCertificates: engine.clientCertificates,
      fanOut: () => engine.fanOut(),
      listen: (options, onRequest) => engine.listen(options, onRequest),
      dial: (options, attach) => engine.dial(options, attach),
      pulses: () => pulses,
    };
    await faulty({ "health.stuck": "10s" }, { engine: watched }, async (relay) => {
      pulses = [pulse(6_000)];
      await notReady(relay, "engine_worker_stuck");
      await until(() => !relay.relay.health().live);
      assert.equal((await fetch(relay.admin("/health/live"))).status, 503);
      pulses = [pulse(0)];
      await until(() => relay.relay.health().ready && relay.relay.health().live);
      assert.equal((await fetch(relay.admin("/health/live"))).status, 200);
    });
  });

  test("a UDP port that another program takes is a reason, until the program leaves", () =>
    faulty({ ...OFTEN, "quic.reuse_port": "true", "server.engine": "native" }, {}, async (relay) => {
      await until(() => relay.relay.health().checks.every(({ state }) => state === "ok"));
      const thieves: Socket[] = [];
      // The system spreads senders over all sockets of the port, so one socket takes only some of them.
      while (!codes(relay).reasons.includes("quic_unreachable")) {
        assert.ok(thieves.length < 512, "the system gives the other sockets nothing");
        for (let more = 0; more < 16; more++) {
          const thief = createSocket({ type: "udp4", reusePort: true }).bind(relay.port, "127.0.0.1");
          await once(thief, "listening");
          thieves.push(thief);
        }
        await sleep(400);
      }
      assert.deepEqual(codes(relay).reasons, ["quic_unreachable"], "TCP works on");
      for (const thief of thieves) thief.close();
      await recovered(relay);
    }));
});

// The relays have nothing in common, and most of each test is waiting.
describe("files and services", { concurrency: true }, () => {
  test("a key file that is broken is a reason after five seconds, until it is mended; the last good key is used meanwhile", async () => {
    const key = await TestKey.make("a");
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-faults-"));
    const file = join(folder, "key.jwk");
    const good = await readFile(join(key.folder, "a.jwk"), "utf8");
    await writeFile(file, good);
    await withRelay({ "auth.key_file": file }, async (relay) => {
      const token = `?jwt=${await key.token({ get: [""] })}`;
      await writeFile(file, "{ broken");
      await notReady(relay, "keys_unreadable");
      await serves(relay, token);
      await writeFile(file, good);
      await recovered(relay);
      await serves(relay, token);
    });
    await rm(folder, { recursive: true });
    await key.remove();
  });

  test("an auth API that is slow is a reason once a session was refused, until it answers in time again", async () => {
    let waitMs = 60_000;
    const api = createServer((_request, response) => {
      const answer = () => response.end(JSON.stringify({ public: { subscribe: [""] } }));
      if (waitMs === 0) answer();
      else setTimeout(answer, waitMs).unref();
    }).listen(0, "127.0.0.1");
    await once(api, "listening");
    const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}/`;
    await faulty({ "auth.api": url, "auth.api_timeout": "200ms", "auth.api_cache": "0s" }, {}, async (relay) => {
      assert.deepEqual(codes(relay).reasons, []);
      assert.equal((await fetch(relay.at("http", "/access/live"))).status, 503);
      await notReady(relay, "auth_api_unreachable");
      waitMs = 0;
      await recovered(relay);
    });
    api.closeAllConnections();
    api.close();
  });

  test("a key URL that never answered is a reason: without keys every token is refused", async () => {
    const key = await TestKey.make("a");
    const set = JSON.stringify({ keys: [JSON.parse(await readFile(join(key.folder, "a.jwk"), "utf8"))] });
    let up = false;
    const server = createServer((_request, response) => {
      if (up) response.end(set);
      else response.writeHead(503).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const settings = { "auth.key_url": url, "auth.key_url_refresh": "1s", "auth.key_url_cooldown": "1s" };
    await withRelay(settings, async (relay) => {
      await notReady(relay, "keys_unavailable");
      assert.ok(codes(relay).warnings.includes("key_url_unreachable"));
      up = true;
      await recovered(relay);
      await quiet(relay);
      up = false;
      await warned(relay, "key_url_unreachable");
      assert.deepEqual(codes(relay).reasons, [], "the last good keys stay in use");
    });
    server.closeAllConnections();
    server.close();
    await key.remove();
  });
});

describe("the mesh", { concurrency: true }, () => {
  const node = { "cluster.node": "edge-1", "cluster.role": "edge", "cluster.token": "none" };

  test("a root that is not reached is a reason until it is; its loss later is a warning", async () => {
    const key = await TestKey.make("a");
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-faults-"));
    const signing = join(folder, "private.jwk");
    await writeFile(signing, JSON.stringify(key.key.jwk));
    const [port = 0] = await freePorts(1);
    const address = `ws://127.0.0.1:${port}/`;
    const root = {
      "cluster.node": "root-1",
      "cluster.role": "root",
      "cluster.url": address,
      "auth.key_dir": key.folder,
    };
    const start = () => TestRelay.start({ ...root, "server.port": String(port) });
    const edge = { "cluster.node": "edge-1", "cluster.role": "edge", "cluster.key_file": signing };
    await faulty({ ...edge, "cluster.url": "https://127.0.0.1:1/", "cluster.root": address }, {}, async (relay) => {
      await notReady(relay, "no_root");
      const first = await start();
      await recovered(relay);
      await first.stop();
      await warned(relay, "roots_unreachable");
      assert.deepEqual(codes(relay).reasons, [], "what flows goes on without a root");
      const again = await start();
      await quiet(relay);
      await again.stop();
    });
    await rm(folder, { recursive: true });
    await key.remove();
  });

  test("name servers that do not answer are a warning until they do", () => {
    let up = false;
    const addresses = async () => {
      if (!up) throw new Error("queryA ETIMEOUT");
      return ["127.0.0.1"];
    };
    const settings = { ...node, "cluster.dns": "origin eu wss://relays.example:4/", "cluster.dns_interval": "1s" };
    return faulty(settings, { resolver: { addresses, services: async () => [] } }, async (relay) => {
      await warned(relay, "dns_failing");
      assert.deepEqual(codes(relay).reasons, []);
      up = true;
      await quiet(relay);
    });
  });

  test("a Redis that hangs is a warning, or a reason where the configuration says so, until it answers", {
    skip: withoutRedis(),
  }, async () => {
    const redis = await RedisServer.start();
    const root = {
      "cluster.node": "root-1",
      "cluster.role": "root",
      "cluster.token": "none",
      "cluster.url": "https://127.0.0.1:1/",
      "cluster.registry": `redis://:${redis.password}@127.0.0.1:${redis.port}/0`,
    };
    const course = (seen: (relay: TestRelay) => Promise<unknown>) => async (relay: TestRelay) => {
      await until(() => relay.relay.cluster()?.registry?.backend.up === true);
      await recovered(relay);
      redis.signal("SIGSTOP");
      await seen(relay);
      redis.signal("SIGCONT");
      await quiet(relay);
      await recovered(relay);
    };
    try {
      await faulty(
        root,
        {},
        course(async (relay) => {
          await warned(relay, "registry_unreachable");
          assert.deepEqual(codes(relay).reasons, []);
        }),
      );
      await faulty(
        { ...root, "health.require": "registry" },
        {},
        course((relay) => notReady(relay, "registry_unreachable")),
      );
    } finally {
      await redis.stop();
    }
  });
});
