/** Figures of the engine, the machine and the configuration that a scrape of a whole relay has. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { write } from "../../lab/sim/client.ts";
import { accepted, clientBroadcasts, dialling, openClient } from "../support/client.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const PATIENT = { priority: 0, ordered: false, maxLatency: 60_000 };

/** The value of each line, by its name and labels without the prefix. */
async function scrape(relay: TestRelay): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(relay.admin("/metrics"))).text();
  const lines = text.split("\n").filter((line) => line.startsWith("moqmesh_"));
  return new Map(
    lines.map((line) => [line.slice(8, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

async function connect(relay: TestRelay, target: string) {
  const { trust } = relay;
  const broadcasts = clientBroadcasts();
  const dial = dialling(relay.at("https", target), { trust, protocol: "moq-lite-04", timeoutMs: 5_000 });
  return await openClient(dial, { broadcasts });
}

describe("a scrape", () => {
  test("has wire bytes by role and protocol, which stay when the session ends, and tenants", () =>
    withRelay({ "http.metric_series": "1" }, async (relay) => {
      const one = await connect(relay, "/acme");
      const two = await connect(relay, "/other-tenant");
      await until(() => relay.counters.sessionsActive === 2);
      const peer = '{role="client",protocol="moq-lite-04"}';
      const before = await scrape(relay);
      assert.ok((before.get(`wire_received_bytes_total${peer}`) ?? 0) > 0);
      assert.ok((before.get(`wire_sent_bytes_total${peer}`) ?? 0) > 0);
      assert.equal(before.get('tenant_sessions{tenant="acme"}'), 1);
      assert.equal(before.get('tenant_sessions{tenant="other"}'), 1);
      assert.ok((before.get('tenant_wire_received_bytes_total{tenant="acme"}') ?? 0) > 0);
      one.client.session.close(0, "");
      two.client.session.close(0, "");
      await until(() => relay.counters.sessionsActive === 0);
      const after = await scrape(relay);
      for (const name of ["wire_received_bytes_total", "wire_sent_bytes_total"]) {
        assert.ok((after.get(name + peer) ?? 0) >= (before.get(name + peer) ?? 0), name);
      }
      assert.equal(after.get('tenant_sessions{tenant="acme"}'), undefined);
      assert.equal(after.get('tenant_sessions{tenant="other"}'), 0);
    }));

  test("has the payload of groups by role and protocol, of viewers that watch and of those that have left", () =>
    withRelay({}, async (relay) => {
      const { client: publishing } = await connect(relay, "/");
      const publisher = publishing.publish("live/room");
      await until(() => relay.counters.broadcastsActive === 1);
      const { client: viewer } = await connect(relay, "/");
      const whole = viewer.watch("live/room", PATIENT, "video");
      await accepted(whole);
      publisher.send(0, "12345");
      // This one does not end while the viewer is here.
      for (const writer of publisher.open(1)) write(writer, Buffer.from("678"));
      await until(() => whole.groups.length === 2);
      await until(() => relay.counters.bytesOut === 8);
      const sent = 'sent_media_bytes_total{role="client",protocol="moq-lite-04"}';
      await until(async () => (await scrape(relay)).get(sent) === 8);
      viewer.session.close(0, "");
      await until(() => relay.counters.sessionsActive === 1);
      await until(async () => (await scrape(relay)).get(sent) === 8);
      assert.ok(((await scrape(relay)).get(sent.replace("sent", "received")) ?? 0) >= 8);
      publishing.session.close(0, "");
    }));

  test("has round trips, packets, and the threads of the native engine with their handshakes", async (t) => {
    await withRelay({ "server.threads": "2" }, async (relay) => {
      if (relay.relay.engine !== "native") {
        t.skip("only the native engine has threads");
        return;
      }
      const { client } = await connect(relay, "/");
      await until(() => relay.counters.sessionsActive === 1);
      const shown = await scrape(relay);
      assert.equal(shown.get('round_trip_seconds_count{role="client"}'), 1);
      assert.ok((shown.get('packets_sent_total{role="client"}') ?? 0) > 0);
      const workers = ["0", "1"].map((worker) => ({
        links: shown.get(`engine_worker_links{worker="${worker}"}`) ?? Number.NaN,
        busy: shown.get(`engine_worker_busy_seconds_total{worker="${worker}"}`) ?? Number.NaN,
        silent: shown.get(`engine_worker_silent_seconds{worker="${worker}"}`),
      }));
      assert.ok(workers.reduce((sum, { links }) => sum + links, 0) >= 1);
      for (const { busy, silent } of workers) {
        assert.ok(busy > 0 && busy < 5, `${busy} s`);
        assert.ok(silent !== undefined && silent < 5);
      }
      assert.ok((shown.get('engine_handshakes_total{result="completed"}') ?? 0) >= 1);
      assert.equal(shown.get('engine_handshakes_total{result="failed"}'), 0);
      // A client that does not trust the certificate ends its handshake.
      const trust = { kind: "hashes", sha256: [new Uint8Array(32)] } as const;
      const url = relay.at("https");
      await assert.rejects(openClient(dialling(url, { trust, protocol: "moq-lite-04", timeoutMs: 5_000 })));
      await until(async () => (await scrape(relay)).get('engine_handshakes_total{result="failed"}') === 1);
      client.session.close(0, "");
    });
  });

  test("has every configured bound with its present value, the memory and the certificate", () =>
    withRelay({ "limits.sessions": "77", "limits.idle_timeout": "20s", "cache.bytes": "3MiB" }, async (relay) => {
      const shown = await scrape(relay);
      const limit = (key: string) => shown.get(`limit{limit="${key}"}`);
      assert.equal(limit("limits.sessions"), 77);
      assert.equal(limit("limits.idle_timeout"), 20);
      assert.equal(limit("cache.bytes"), 3 * 1024 * 1024);
      assert.equal(limit("auth.sessions_per_address"), 1_000);
      assert.ok([...shown.keys()].filter((name) => name.startsWith("limit{")).length > 30);
      assert.equal(limit("other"), undefined);
      assert.ok((shown.get("memory_limit_bytes") ?? 0) > 2 ** 20);
      const left = shown.get('certificate_left_seconds{name="default"}') ?? 0;
      assert.ok(left > 86_400 && left < 20 * 86_400, `${left} s`);
      assert.equal(shown.get("udp_receive_drops_total"), 0);
      assert.equal(shown.get('node_info{node="",role="",region=""}'), 1);
    }));
});
