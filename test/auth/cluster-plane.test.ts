/** Client certificates and the listener of relays: whole relays, over UDP (the native engine) and TCP. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { KeyPairPem, Link, Trust } from "../../moq/link.ts";
import { createQmux } from "../../transport/qmux/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { Authority } from "../support/authority.ts";
import { openClient } from "../support/client.ts";
import { missingEngine, nativeClient } from "../support/engines.ts";
import { TestKey } from "../support/keys.ts";
import { type Settings, type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const LINK = { uniStreams: 100, bidiStreams: 100, idleTimeoutMs: 10_000, keepAliveMs: 2_000, queueMark: 1_000_000 };

const folder = await mkdtemp(join(tmpdir(), "moqmesh-plane-"));
const clients = await Authority.make("clients");
const relays = await Authority.make("relays");
const keys = await TestKey.make("plane");
const file = async (name: string, text: string) => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};
const clientCa = await file("clients.pem", clients.root);
const relayCa = await file("relays.pem", relays.root);
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await keys.remove();
});

interface Dial {
  readonly port?: number;
  readonly certificate?: KeyPairPem;
  readonly token?: string;
  readonly path?: string;
  readonly protocol?: string;
}

/** Opens a session and waits for its first round trip: some relays refuse only after the handshake. Rejects with the refusal. */
async function enter(relay: TestRelay, scheme: "https" | "wss", dial: Dial): Promise<Link> {
  const { port = relay.port, certificate, token, path = "/", protocol = "moq-lite-05" } = dial;
  const engine = scheme === "wss" ? createQmux({ clock: systemClock, warn: () => {} }) : await nativeClient();
  const opened = Promise.withResolvers<Link>();
  const { client, ended } = await openClient(async (attach) => {
    const link = await engine.dial(
      {
        url: new URL(path, `${scheme}://127.0.0.1:${port}/`),
        protocols: [protocol],
        trust: { kind: "insecure" },
        limits: LINK,
        timeoutMs: 10_000,
        ...(certificate && { certificate: { cert: certificate.cert, key: certificate.key } }),
        ...(token !== undefined && { headers: new Map([["authorization", `Bearer ${token}`]]) }),
      },
      attach,
    );
    opened.resolve(link);
    return link;
  });
  client.publish(`live/${Math.random()}`);
  const before = relay.counters.broadcastsActive;
  await Promise.race([
    until(() => relay.counters.broadcastsActive > before || relay.counters.sessionsActive > 0),
    ended.then(({ message }) => Promise.reject(new Error(message))),
  ]);
  return await opened.promise;
}

const NATIVE = { "server.engine": "native", "auth.key_dir": keys.folder, "auth.public_publish": "live" } as const;

describe("required client certificates", { skip: missingEngine() }, () => {
  const settings = { ...NATIVE, "tls.client_ca": clientCa };

  for (const scheme of ["https", "wss"] as const) {
    it(`keep out clients without one, and with one of another authority, over ${scheme}`, () =>
      withRelay(settings, async (relay) => {
        const mine = await clients.issue({ use: "client", names: ["camera-1"] });
        const theirs = await relays.issue({ use: "client", names: ["camera-1"] });
        const link = await enter(relay, scheme, { certificate: mine });
        link.close(0, "");
        await assert.rejects(enter(relay, scheme, {}));
        await assert.rejects(enter(relay, scheme, { certificate: theirs }));
        assert.equal(relay.counters.sessionsOpened, 1);
      }));
  }

  it("grant nothing by themselves: no powers of a relay", () =>
    withRelay({ ...settings, "cluster.node": "edge-1" }, async (relay) => {
      const certificate = await clients.issue({ use: "client", names: ["edge-2"] });
      const control = enter(relay, "https", { certificate, path: "/.moqmesh", protocol: "moqmesh-1" });
      await assert.rejects(control, { status: 401 });
    }));

  it("are optional with client_required = false, but not of another authority", () =>
    withRelay({ ...settings, "tls.client_required": "false" }, async (relay) => {
      for (const scheme of ["https", "wss"] as const) {
        (await enter(relay, scheme, {})).close(0, "");
        const certificate = await relays.issue({ use: "client", names: ["camera-1"] });
        await assert.rejects(enter(relay, scheme, { certificate }));
      }
    }));

  it("do not keep the relay from opening sessions with itself", () =>
    withRelay({ ...settings, "health.probe_interval": "50ms" }, async ({ relay }) => {
      const probes = () => relay.health().checks.filter(({ code }) => /^(quic|websocket)_unreachable$/.test(code));
      await until(() => probes().every(({ state }) => state !== "unknown"));
      assert.deepEqual(
        probes().map(({ code, state }) => [code, state]),
        [
          ["quic_unreachable", "ok"],
          ["websocket_unreachable", "ok"],
        ],
      );
    }));

  it("are checked against replaced authorities, with an overlap of both", async () => {
    const ca = await file("rotated.pem", clients.root);
    await withRelay({ ...NATIVE, "tls.client_ca": ca }, async (relay) => {
      const old = await clients.issue({ use: "client", names: ["camera-1"] });
      const next = await relays.issue({ use: "client", names: ["camera-1"] });
      const links: Link[] = [];
      for (const [pem, allowed, refused] of [
        [clients.root, [old], [next]],
        [`${clients.root}\n${relays.root}`, [old, next], []],
        [relays.root, [next], [old]],
      ] as const) {
        await writeFile(ca, pem);
        await relay.reload();
        for (const scheme of ["https", "wss"] as const) {
          for (const certificate of allowed) links.push(await enter(relay, scheme, { certificate }));
          for (const certificate of refused) await assert.rejects(enter(relay, scheme, { certificate }));
        }
      }
      await writeFile(ca, "no certificate");
      assert.ok((await relay.reload()).failed["tls.client_ca"] !== undefined);
      links.push(await enter(relay, "wss", { certificate: next }));
      assert.ok(
        links.every((link) => !link.ended),
        "sessions go on",
      );
    });
  });
});

describe("the powers of a relay", { skip: missingEngine() }, () => {
  const control = { path: "/.moqmesh?node=edge-1", protocol: "moqmesh-1" };
  const root: Settings = { ...NATIVE, "cluster.node": "root-1", "cluster.role": "root" };
  const refusals = (relay: TestRelay) => Object.fromEntries(relay.counters.sessionsRefused);

  it("are given at the cluster listener alone, which serves relays alone", () =>
    withRelay({ ...root, "cluster.listen": "127.0.0.1:0" }, async (relay) => {
      const port = relay.relay.clusterAddress?.port ?? 0;
      const token = await keys.token({ cluster: true, sub: "edge-1" });
      for (const scheme of ["https", "wss"] as const) {
        await enter(relay, scheme, { ...control, token, port });
        await assert.rejects(enter(relay, scheme, { port }), { status: 403 });
        await assert.rejects(enter(relay, scheme, { token, protocol: "moq-lite-05" }), { status: 403 });
      }
      // The public port does not offer the wire of the mesh.
      await assert.rejects(enter(relay, "https", { ...control, token }), { code: "no_common_protocol" });
      assert.deepEqual(refusals(relay), { cluster_required: 2, cluster_listener_required: 2 });
      const page = await fetch(`http://127.0.0.1:${port}/`);
      assert.equal(page.status, 404);
    }));

  it("are given to addresses of [cluster] allow alone", () =>
    withRelay({ ...root, "cluster.allow": "10.0.0.0/8" }, async (relay) => {
      const token = await keys.token({ cluster: true, sub: "edge-1" });
      await assert.rejects(enter(relay, "wss", { ...control, token }), { status: 403 });
      (await enter(relay, "wss", {})).close(0, "");
      assert.deepEqual(refusals(relay), { cluster_address_denied: 1 });
      await relay.reload({ "cluster.allow": "127.0.0.0/8" });
      await enter(relay, "wss", { ...control, token });
    }));

  it("need a certificate with [cluster] client_ca, whatever the token says, and its name is the relay's", () =>
    withRelay({ ...root, "cluster.client_ca": relayCa }, async (relay) => {
      const mine = await relays.issue({ use: "client", names: ["edge-1"] });
      const other = await relays.issue({ use: "client", names: ["edge-2"] });
      const named = await keys.token({ cluster: true, sub: "edge-1" });
      const bare = await keys.token({ cluster: true });
      for (const scheme of ["https", "wss"] as const) {
        await enter(relay, scheme, { ...control, certificate: mine });
        await enter(relay, scheme, { ...control, certificate: mine, token: named });
        await enter(relay, scheme, { ...control, certificate: mine, token: bare });
        await assert.rejects(enter(relay, scheme, { ...control, token: named }), { status: 403 });
        await assert.rejects(enter(relay, scheme, { ...control, certificate: other, token: named }), { status: 403 });
        await assert.rejects(enter(relay, scheme, { ...control, certificate: other, token: bare }), { status: 403 });
        await assert.rejects(enter(relay, scheme, { ...control, certificate: other }), { status: 403 });
        // Viewers and publishers need none.
        await enter(relay, scheme, {});
      }
      assert.deepEqual(refusals(relay), { certificate_required: 2, node_mismatch: 6 });
    }));

  it("need a certificate before anything else at the cluster listener", () =>
    withRelay({ ...root, "cluster.client_ca": relayCa, "cluster.listen": "127.0.0.1:0" }, async (relay) => {
      const port = relay.relay.clusterAddress?.port ?? 0;
      const certificate = await relays.issue({ use: "client", names: ["edge-1"] });
      const token = await keys.token({ cluster: true, sub: "edge-1" });
      for (const scheme of ["https", "wss"] as const) {
        await enter(relay, scheme, { ...control, certificate, port });
        await assert.rejects(enter(relay, scheme, { ...control, token, port }));
      }
      assert.equal(relay.counters.sessionsRefused.size, 0);
    }));
});

describe("a relay without plaintext", { skip: missingEngine() }, () => {
  it("answers http and ws with 426 and a sentence, but tells its fingerprint", () =>
    withRelay({ "server.plaintext": "false", "http.public_health": "true" }, async (relay) => {
      for (const path of ["/", "/access/live?jwt=x", "/nothing"]) {
        const response = await fetch(relay.at("http", path));
        assert.equal(response.status, 426);
        assert.match(await response.text(), /^this port speaks TLS only: use https: or wss: instead\n$/);
      }
      const fingerprint = await fetch(relay.at("http", "/certificate.sha256"));
      assert.equal((await fingerprint.text()).trim(), relay.relay.fingerprint);
      assert.equal((await fetch(relay.at("http", "/health/ready"))).status, 200);
      const engine = createQmux({ clock: systemClock, warn: () => {} });
      const dial = (scheme: string, trust: Trust) =>
        openClient((attach) =>
          engine.dial(
            { url: relay.at(scheme), protocols: ["moq-lite-05"], trust, limits: LINK, timeoutMs: 10_000 },
            attach,
          ),
        );
      await assert.rejects(dial("ws", { kind: "system" }), { code: "dial_rejected", status: 426, message: /TLS only/ });
      await dial("wss", relay.trust);
    }));
});
