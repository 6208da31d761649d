/** Several certificates, each served to clients that request one of its names. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect } from "node:tls";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { TransportError } from "../../moq/link.ts";
import { loadCertificate } from "../../transport/tls/certificate.ts";
import { CertificateManager } from "../../transport/tls/manager.ts";
import { Authority } from "../support/authority.ts";
import { missingEngine, nativeClient } from "../support/engines.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { LIMITS, Recorder } from "../transport/fixtures.ts";

let folder: string;
let ours: Authority;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqmesh-names-"));
  ours = await Authority.make("ours");
});
after(() => rm(folder, { recursive: true, force: true }));

/** Writes a certificate for `names`; gives its two paths. */
async function files(file: string, names: readonly string[]): Promise<{ cert: string; key: string }> {
  const { cert, key } = await ours.issue({ names });
  const paths = { cert: join(folder, `${file}.pem`), key: join(folder, `${file}-key.pem`) };
  await writeFile(paths.cert, cert);
  await writeFile(paths.key, key);
  return paths;
}

/** Settings of a relay that has both. */
const showing = (main: { cert: string; key: string }, further: { cert: string; key: string }) => ({
  "tls.cert": main.cert,
  "tls.key": main.key,
  "tls.certificates": `${further.cert} ${further.key}`,
});

const loading = (main: { cert: string; key: string }, further: readonly { cert: string; key: string }[]) =>
  ({ files: main, further, stateDir: folder, hosts: [], wallNow: Date.now }) as const;

describe("certificates for several names", () => {
  it("are served over TCP by the requested name", async () => {
    const main = await files("main", ["relay.example"]);
    const others = await files("others", ["b.example", "*.c.example"]);
    await withRelay(showing(main, others), async (relay) => {
      for (const [asked, shown] of [
        ["relay.example", "relay.example"],
        ["B.example", "b.example"],
        ["x.c.example", "b.example"],
        ["y.x.c.example", "relay.example"],
        ["unknown.example", "relay.example"],
      ] as const) {
        assert.equal(await overTcp(relay, asked), `CN=${shown}`, asked);
      }
    });
  });

  it("are served over QUIC by the requested name", { skip: missingEngine() }, async () => {
    const main = await files("main", ["127.0.0.1"]);
    const local = await files("local", ["localhost"]);
    const engine = await nativeClient();
    await withRelay({ "server.engine": "native", ...showing(main, local) }, async (relay) => {
      for (const host of ["127.0.0.1", "localhost"]) {
        const link = await engine.dial(
          {
            url: new URL(`https://${host}:${relay.port}/`),
            protocols: ["moq-lite-05"],
            trust: { kind: "roots", pem: ours.root },
            limits: LIMITS,
            timeoutMs: 20_000,
          },
          new Recorder().attach,
        );
        const shown = new X509Certificate(Buffer.from(link.info.peerCertificate ?? []));
        assert.equal(shown.subject, `CN=${host}`);
        link.close(0, "");
      }
    });
  });

  it("are reloaded when their files are replaced, and not when the new files are invalid", async () => {
    const main = await files("main", ["a.example"]);
    const others = await files("others", ["b.example"]);
    const warnings: string[] = [];
    const clock = new ManualClock();
    const deps = { clock, warn: (message: string) => warnings.push(message) };
    const manager = await CertificateManager.open(loading(main, [others]), deps);
    const seen: string[][] = [];
    manager.onChange(({ certificate }) => seen.push([...(certificate.names?.keys() ?? [])]));
    await manager.check();
    assert.deepEqual(seen, []);
    await files("others", ["b.example", "c.example"]);
    await manager.check();
    assert.deepEqual(seen, [["b.example", "c.example"]]);
    await writeFile(others.key, "nonsense");
    await manager.check();
    assert.equal(seen.length, 1);
    assert.ok(warnings.some((message) => message.includes("could not be renewed")));
    manager.close();
  });

  it("must name a host and belong to their key", async () => {
    const main = await files("main", ["a.example"]);
    const address = await files("address", ["127.0.0.1"]);
    for (const [further, why] of [
      [address, /names no host/],
      [{ cert: address.cert, key: main.key }, /does not belong/],
      [{ cert: join(folder, "missing.pem"), key: main.key }, /does not exist/],
    ] as const) {
      await assert.rejects(loadCertificate(loading(main, [further])), (error) => {
        assert.ok(error instanceof TransportError);
        assert.equal(error.code, "bad_certificate");
        assert.match(error.message, why);
        return true;
      });
    }
  });
});

/** Subject of the certificate that is served to a client that requests `servername`. */
function overTcp({ port }: TestRelay, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false }, () => {
      resolve(`CN=${socket.getPeerCertificate().subject.CN}`);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}
