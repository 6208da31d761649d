/** Certificates that are replaced while clients connect: whole relays, over UDP and TCP. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { KeyPairPem, Trust } from "../../moq/link.ts";
import { connectBy, DIAL_LIMITS } from "../../relay/client/index.ts";
import { createQmux } from "../../transport/qmux/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { Authority } from "../support/authority.ts";
import { missingEngine, nativeClient } from "../support/engines.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const SWAPS = 50;

/** Both listeners present the certificate over UDP and TCP, and the admin listener over TCP. */
async function isServedEverywhere(relay: TestRelay, { cert }: KeyPairPem): Promise<void> {
  const { fingerprint256 } = new X509Certificate(cert);
  const clusterPort = relay.relay.clusterAddress?.port ?? 0;
  for (const port of [relay.port, clusterPort, relay.relay.adminAddress?.port ?? 0]) {
    assert.equal(await presentedAt(port), fingerprint256, `TCP port ${port}`);
  }
  const engine = await nativeClient();
  const sha256 = [new Uint8Array(Buffer.from(fingerprint256.replaceAll(":", ""), "hex"))];
  const dial = (port: number) =>
    connectBy(
      (attach) =>
        engine.dial(
          {
            url: new URL(`https://127.0.0.1:${port}/`),
            protocols: ["moq-lite-05"],
            trust: { kind: "hashes", sha256 },
            limits: DIAL_LIMITS,
            timeoutMs: 20_000,
          },
          attach,
        ),
      { timeoutMs: 20_000, warn: () => {} },
    );
  await (await dial(relay.port)).close();
  // The certificate was trusted, and then the relay refused the session.
  await assert.rejects(dial(clusterPort), { code: "dial_rejected", status: 403 });
}

function presentedAt(port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

function metricsOf(relay: TestRelay, ca: string): Promise<string> {
  const port = relay.relay.adminAddress?.port;
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port, path: "/metrics", ca }, (response) => {
      response
        .setEncoding("utf8")
        .toArray()
        .then((parts) => resolve(parts.join("")), reject);
    });
    request.once("error", reject);
  });
}

describe("a certificate", { skip: missingEngine() }, () => {
  let folder = "";
  let authority: Authority;
  const cert = () => join(folder, "cert.pem");
  const key = () => join(folder, "key.pem");
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqmesh-swaps-"));
    authority = await Authority.make("ours");
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** As certbot and lego do: a new file in place of the old one. */
  const put = async (pair: { cert: string; key: string }) => {
    await Promise.all([writeFile(`${cert()}.new`, pair.cert), writeFile(`${key()}.new`, pair.key)]);
    await rename(`${key()}.new`, key());
    await rename(`${cert()}.new`, cert());
  };
  const issue = () => authority.issue({ names: ["localhost", "127.0.0.1"] });

  /** Opens sessions one after another until it is stopped. Rejects with the first failed handshake. */
  const load = (relay: TestRelay, trust: Trust, engine: "quic" | "tcp") => {
    const stop = new AbortController();
    let count = 0;
    const run = async () => {
      const dialler = engine === "quic" ? await nativeClient() : createQmux({ clock: systemClock, warn: () => {} });
      const url = relay.at(engine === "quic" ? "https" : "wss");
      while (!stop.signal.aborted) {
        const options = { url, protocols: ["moq-lite-05"], trust, limits: DIAL_LIMITS, timeoutMs: 20_000 };
        const client = await connectBy((attach) => dialler.dial(options, attach), {
          timeoutMs: 20_000,
          warn: () => {},
        });
        await client.close();
        count += 1;
      }
      return count;
    };
    const done = run();
    return {
      get count() {
        return count;
      },
      stop: () => {
        stop.abort();
        return done;
      },
      done,
    };
  };

  test(`is replaced ${SWAPS} times under load without a failed handshake, and a broken one is refused`, async () => {
    await put(await issue());
    const settings = {
      "server.engine": "native",
      "tls.cert": cert(),
      "tls.key": key(),
      "cluster.node": "edge-1",
      "cluster.listen": "127.0.0.1:0",
      "http.admin_tls": "true",
    };
    await withRelay(settings, async (relay) => {
      const trust = { kind: "roots", pem: authority.root } as const;
      const loads = [load(relay, trust, "quic"), load(relay, trust, "tcp")];
      let last = await issue();
      for (let swap = 1; swap <= SWAPS; swap++) {
        last = await issue();
        await put(last);
        const before = loads.map(({ count }) => count);
        // On a busy machine the relay may have seen the new file by itself before it is asked.
        assert.deepEqual((await relay.reload()).failed, {}, `swap ${swap}`);
        // Each load goes on past the swap.
        await Promise.race([
          until(() => loads.every(({ count }, at) => count > (before[at] ?? 0))),
          ...loads.map(({ done }) => done),
        ]);
      }
      await isServedEverywhere(relay, last);
      // The 51st: the key of another certificate.
      await writeFile(key(), (await issue()).key);
      assert.ok("tls.key" in (await relay.reload()).failed);
      await isServedEverywhere(relay, last);
      await until(() => relay.relay.health().warnings.some(({ code }) => code === "files_refused"));
      assert.deepEqual(relay.relay.reasons(), [], "it stays ready");
      assert.ok(
        relay.entries.some(({ msg }) => /cannot be used: the key in .*key\.pem does not belong/.test(String(msg))),
      );
      const metrics = await metricsOf(relay, authority.root);
      assert.match(metrics, /moqmesh_file_reload_failures_total\{files="tls"\} 1/);
      assert.match(metrics, new RegExp(`moqmesh_file_reloads_total\\{files="tls"\\} ${SWAPS}`));
      // Mended by itself once the pair fits again.
      last = await issue();
      await put(last);
      await relay.reload();
      await isServedEverywhere(relay, last);
      const sessions = await Promise.all(loads.map((one) => one.stop()));
      assert.ok(
        sessions.every((count) => count >= SWAPS),
        `${sessions.join(" and ")} sessions`,
      );
    });
  });
});
