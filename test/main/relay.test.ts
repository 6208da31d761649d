import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { freePort } from "../../lab/ports.ts";
import { type Certificate, type Engine, TransportError } from "../../moq/link.ts";
import { connect } from "../../relay/client/client.ts";
import { type Client, FetchError } from "../../relay/client/contract.ts";
import { METRICS } from "../../relay/metrics.ts";
import { CHECK_INTERVAL_MS } from "../../transport/tls/manager.ts";
import { captureLog } from "../support/log.ts";
import { publishTo } from "../support/publisher.ts";
import { type Settings, TestRelay, type TestRelayOptions } from "../support/relay.ts";
import { until } from "../support/until.ts";

const DAY_MS = 86_400_000;
const TRUST = { trust: { kind: "system" }, timeoutMs: 5_000 } as const;

let cleanups: (() => Promise<unknown>)[] = [];
let captured = captureLog();

beforeEach(() => {
  cleanups = [];
  captured = captureLog();
});
afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

async function run(settings: Settings = {}, options: TestRelayOptions = {}): Promise<TestRelay> {
  const relay = await TestRelay.start(settings, { captured, ...options });
  cleanups.push(() => relay.stop());
  return relay;
}

async function connected({ url, counters }: TestRelay): Promise<Client> {
  const client = await connect(url, TRUST);
  cleanups.push(() => client.close());
  // A client knows of its session before the relay does.
  await until(() => counters.sessionsActive > 0);
  return client;
}

async function ready(relay: TestRelay): Promise<{ status: number; body: unknown }> {
  const response = await fetch(relay.admin("/health/ready"));
  return { status: response.status, body: await response.json() };
}

describe("a relay", () => {
  test("listens on one port for UDP and TCP, serves its fingerprint and is ready", async () => {
    const relay = await run();
    const response = await fetch(relay.at("http", "/certificate.sha256"));
    assert.equal((await response.text()).trim(), relay.relay.fingerprint);
    assert.deepEqual(await ready(relay), { status: 200, body: { status: "ready", reasons: [] } });
    const client = await connected(relay);
    assert.match(client.protocol, /^moq-lite-/);
    assert.deepEqual(relay.relay.sessions(), [{ engine: relay.relay.engine, protocol: client.protocol, count: 1 }]);
  });

  test("logs one line when a session opens and one when it closes, and counts it", async () => {
    const relay = await run();
    const client = await connect(relay.at("http", "/live?jwt=hush"), TRUST);
    await client.close();
    await until(() => captured.messages().includes("session closed"));
    const lines = captured.entries.filter((entry) => String(entry["msg"]).startsWith("session "));
    assert.deepEqual(
      lines.map((entry) => entry["msg"]),
      ["session opened", "session closed"],
    );
    assert.equal(lines[1]?.["path"], "/live");
    assert.equal(lines[1]?.["reason"], "remote");
    assert.doesNotMatch(JSON.stringify(captured.entries), /hush/);
    const metrics = await (await fetch(relay.admin("/metrics"))).text();
    assert.match(metrics, /^moqmesh_sessions_opened_total 1$/m);
    assert.match(metrics, /^moqmesh_sessions_closed_total\{reason="remote"\} 1$/m);
  });

  test("has every group of metrics on the list that docs/metrics.md is made from", async () => {
    const relay = await run({ "cluster.node": "root-1", "cluster.role": "root" });
    assert.deepEqual(new Set(relay.counters.groups), new Set(METRICS));
    const metrics = await (await fetch(relay.admin("/metrics"))).text();
    const names = METRICS.flatMap((group) => Object.values(group.metrics).map(({ name }) => `moqmesh_${name}`));
    const shown = [...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name);
    const ofProcess = /^moqmesh_(process|nodejs)_/;
    assert.deepEqual(new Set(shown.filter((name) => !ofProcess.test(name))), new Set(names));
    assert.match(metrics, /^moqmesh_http_connections 0$/m);
    assert.match(metrics, /^moqmesh_registry_backend_up 1$/m);
  });

  test("drains: it is not ready at once, sends GOAWAY, and ends when the last session has left", async () => {
    const relay = await run({ "drain.grace": "1m", "limits.subscribe_wait": "0s" });
    const client = await connected(relay);
    const drained = relay.relay.drain("test");
    assert.deepEqual(await ready(relay), { status: 503, body: { status: "not_ready", reasons: ["draining"] } });
    await assert.rejects(fetch(relay.at("http", "/certificate.sha256")));
    // A client sends no requests after GOAWAY.
    const refusedWith = async (code: string) => {
      const error: unknown = await client.fetch({ broadcast: "none", track: "t", timeoutMs: 1_000 }).catch((e) => e);
      return error instanceof FetchError && error.code === code;
    };
    while (!(await refusedWith("upstream"))) assert.equal(relay.relay.state(), "draining");
    await client.close();
    await drained;
    assert.equal(relay.relay.state(), "closed");
    await relay.relay.ended;
  });

  test("closes the remaining sessions with a code when the grace is over", async () => {
    const relay = await run({ "drain.grace": "50ms", "drain.spread": "100ms" });
    const urls = ["http", "ws", "http", "ws"].map((scheme) => relay.at(scheme));
    const publishers = await Promise.all(urls.map((url, index) => publishTo(url, `room${index}`, "t", [["x"]])));
    await until(() => relay.counters.sessionsActive === 4);
    const engines = Object.fromEntries(relay.relay.sessions().map(({ engine, count }) => [engine, count]));
    assert.deepEqual(engines, { qmux: 2, [relay.relay.engine]: 2 });
    await relay.relay.drain("maintenance");
    for (const { closed } of publishers) assert.deepEqual(await closed, { code: 25, message: "maintenance" });
    assert.equal(relay.counters.sessionsActive, 0);
  });

  test("ends also when a defect stops the drain", async () => {
    const { log } = captured;
    const failing = new Proxy(log, {
      get: (target, name) =>
        name === "info"
          ? (...line: Parameters<typeof log.info>) => {
              if (line.includes("relay draining")) throw new Error("a defect");
              target.info(...line);
            }
          : Reflect.get(target, name),
    });
    const relay = await run({ "drain.grace": "1h" }, { captured: { ...captured, log: failing } });
    const client = await connected(relay);
    await relay.relay.drain("test");
    assert.equal(relay.counters.defects, 1);
    assert.deepEqual(await client.closed, { reason: "closed", message: "test" });
  });

  test("ends at once when it is closed during a drain", async () => {
    const relay = await run({ "drain.grace": "1h" });
    const client = await connected(relay);
    const drained = relay.relay.drain("slowly");
    const closed = relay.relay.close("now");
    await Promise.all([drained, closed, relay.relay.ended]);
    assert.deepEqual(await client.closed, { reason: "closed", message: "now" });
  });

  test("frees its port and leaves nothing open", async () => {
    const relay = await run();
    const { port } = relay;
    await relay.relay.close();
    const tcp = createServer().listen(port, "127.0.0.1");
    await once(tcp, "listening");
    tcp.close();
    const udp = createSocket("udp4").bind(port, "127.0.0.1");
    await once(udp, "listening");
    udp.close();
  });

  test("names the port that is in use and frees what it had opened", async () => {
    const port = await freePort();
    const taken = createServer().listen(port, "127.0.0.1");
    await once(taken, "listening");
    const message = new RegExp(`^cannot listen on TCP 127.0.0.1:${port}: it is in use \\(EADDRINUSE\\); `);
    await assert.rejects(run({ "server.port": String(port) }), { code: "bind_failed", message });
    const udp = createSocket("udp4").bind(port, "127.0.0.1");
    await once(udp, "listening");
    udp.close();
    await assert.rejects(run({ "http.admin_port": String(port) }), /cannot listen on the admin listener's TCP/);
    taken.close();
  });

  test("refuses to start with an unusable certificate", async () => {
    const missing = { "tls.cert": "/nowhere/a.pem", "tls.key": "/nowhere/b.pem" };
    await assert.rejects(run(missing), { code: "bad_certificate", message: /does not exist/ });
  });

  test("accepts no WebSocket when that is off", async () => {
    const relay = await run({ "server.websocket": "false" });
    await assert.rejects(connect(relay.at("ws"), TRUST), TransportError);
    assert.equal((await fetch(relay.at("http", "/certificate.sha256"))).status, 200);
  });

  test("accepts sessions over TLS on its TCP port from clients that pin the certificate", async () => {
    const relay = await run();
    const client = await connect(relay.at("wss"), { ...TRUST, trust: relay.trust });
    await until(() => relay.counters.sessionsActive === 1);
    await client.close();
    await until(() => relay.counters.sessionsActive === 0);
  });

  test("does not listen on TCP when HTTP and WebSocket are off", async () => {
    const servers = () => process.getActiveResourcesInfo().filter((resource) => resource === "TCPServerWrap").length;
    const before = servers();
    await run({ "http.enabled": "false", "server.websocket": "false", "http.admin": "false" });
    assert.equal(servers(), before);
    await run({ "http.admin": "false" });
    assert.equal(servers(), before + 1);
  });

  test("starts without its page when that was not built, and the log says so", async () => {
    const relay = await run({ "http.page": "true" }, { pageFolder: "/nowhere" });
    assert.equal(relay.relay.hasPage, false);
    assert.equal((await fetch(relay.url)).status, 404);
    assert.match(captured.messages().join(), /page is not served/);
  });
});

describe("a renewed certificate", () => {
  /** An engine without a network that takes certificates, or does not. */
  function engineThat(swaps: boolean) {
    const given: Certificate[] = [];
    const unused = () => assert.fail("not called here");
    const engine: Engine = {
      name: "test",
      dialsAddresses: false,
      trustsRoots: false,
      clientCertificates: false,
      fanOut: unused,
      dial: unused,
      listen: async (options) => {
        const probe = createServer().listen(0, "127.0.0.1");
        await once(probe, "listening");
        const address = probe.address();
        await new Promise((resolve) => probe.close(resolve));
        assert.ok(address !== null && typeof address === "object");
        given.push(options.certificate);
        return {
          address: { address: "127.0.0.1", port: address.port },
          setCertificate: (certificate) => {
            if (swaps) given.push(certificate);
            return swaps;
          },
          stopAccepting: () => {},
          close: async () => {},
        };
      },
    };
    return { engine, given };
  }

  async function renewed(swaps: boolean) {
    let now = Date.now();
    const clock = new ManualClock();
    const { engine, given } = engineThat(swaps);
    const relay = await run({}, { clock, engine, wallNow: () => now });
    const before = relay.relay.fingerprint;
    now += 12 * DAY_MS;
    clock.advance(CHECK_INTERVAL_MS);
    await until(() => captured.messages().some((message) => /certificate (?:was )?replaced/.test(message)));
    const served = (await (await fetch(relay.at("http", "/certificate.sha256"))).text()).trim();
    cleanups.push(async () => {
      // Closing waits on the clock.
      clock.advance(1_000);
    });
    const later = (ms: number) => {
      now += ms;
    };
    return { relay, before, served, given, later, clock };
  }

  test("is used and served when the engine can swap certificates", async () => {
    const { relay, before, served, given } = await renewed(true);
    assert.notEqual(served, before);
    assert.equal(relay.relay.fingerprint, served);
    assert.equal(given.length, 2);
    assert.deepEqual(relay.relay.reasons(), []);
  });

  test("is not served while the engine keeps the old one; a warning asks for a restart", async () => {
    const { relay, before, served, later, clock } = await renewed(false);
    assert.equal(served, before);
    const warnings = captured.entries.filter((entry) => entry["level"] === "warn").map((entry) => String(entry["msg"]));
    assert.match(warnings.join("\n"), /loads it only at a restart; restart this relay before 20/);
    assert.deepEqual(relay.relay.reasons(), []);
    later(DAY_MS);
    clock.advance(250);
    assert.deepEqual(relay.relay.reasons(), ["certificate_expired"]);
  });
});

describe("a relay whose configuration is reloaded", () => {
  test("knows the relays that are now listed, and no others", async () => {
    const cluster = { "cluster.node": "a", "cluster.token": "none" };
    const peers = (...names: string[]) => ({
      ...cluster,
      "cluster.peers": names.map((name) => `${name} origin eu https://${name}.example`).join(","),
    });
    const relay = await run(peers("b", "c"));
    assert.equal(relay.relay.cluster()?.nodes, 2);
    await relay.reload(peers("d"));
    assert.equal(relay.relay.cluster()?.nodes, 1);
    await relay.reload({ ...cluster, "cluster.peers": "" });
    assert.equal(relay.relay.cluster()?.nodes, 0);
  });
});
