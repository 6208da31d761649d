import assert from "node:assert/strict";
import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as tls from "node:tls";
import { TransportError } from "../../moq/link.ts";
import { type CertificateOptions, loadCertificate } from "../../transport/tls/certificate.ts";

const DAY_MS = 86_400_000;

let root = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "moqmesh-tls-"));
});
after(() => rm(root, { recursive: true, force: true }));

let folders = 0;
function options(overrides: Partial<CertificateOptions> = {}): CertificateOptions {
  folders += 1;
  return { stateDir: join(root, `state-${folders}`), hosts: [], wallNow: Date.now, ...overrides };
}

async function refusal(given: CertificateOptions): Promise<string> {
  const error = await loadCertificate(given).then(
    () => assert.fail("the certificate was accepted"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TransportError);
  assert.equal(error.code, "bad_certificate");
  return error.message;
}

describe("a self-signed certificate", () => {
  test("is ECDSA P-256, valid for 13 days and names localhost and the configured hosts", async () => {
    const state = await loadCertificate(options({ hosts: ["relay.example", "10.1.2.3", "[2001:DB8::1]"] }));
    const leaf = new X509Certificate(state.certificate.cert);
    assert.equal(leaf.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
    assert.equal(leaf.validToDate.getTime() - leaf.validFromDate.getTime(), 13 * DAY_MS);
    assert.ok(leaf.validFromDate.getTime() < Date.now());
    for (const host of ["localhost", "relay.example"]) assert.equal(leaf.checkHost(host), host);
    for (const ip of ["127.0.0.1", "::1", "10.1.2.3", "2001:db8::1"]) assert.ok(leaf.checkIP(ip), ip);
    assert.equal(leaf.checkHost("other.example"), undefined);
    assert.ok(state.selfSigned && state.generated);
    assert.equal(state.notAfter.getTime(), leaf.validToDate.getTime());
  });

  test("has the SHA-256 of its DER as its fingerprint", async () => {
    const state = await loadCertificate(options());
    const base64 = state.certificate.cert.replace(/-----[A-Z ]+-----|\s/g, "");
    const expected = createHash("sha256").update(Buffer.from(base64, "base64")).digest("hex");
    assert.equal(state.fingerprint, expected);
    assert.match(state.fingerprint, /^[0-9a-f]{64}$/);
  });

  test("comes with a PKCS#8 key and passes a verifying TLS handshake", async () => {
    const { certificate } = await loadCertificate(options());
    assert.match(certificate.key, /^-----BEGIN PRIVATE KEY-----/);
    const server = tls.createServer({ cert: certificate.cert, key: certificate.key }, (socket) => socket.end("hello"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const client = tls.connect({
      port: address.port,
      host: "127.0.0.1",
      servername: "localhost",
      ca: certificate.cert,
    });
    const [bytes] = await once(client, "data");
    assert.equal(String(bytes), "hello");
    assert.ok(client.authorized);
    client.destroy();
    server.close();
  });

  test("is kept as one file in a folder, which only the owner can read", async () => {
    const given = options();
    await loadCertificate(given);
    assert.equal((await stat(given.stateDir)).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(given.stateDir), ["self-signed.pem"]);
    assert.equal((await stat(join(given.stateDir, "self-signed.pem"))).mode & 0o777, 0o600);
  });

  test("is reused by the next start, whatever the order and spelling of the hosts", async () => {
    const first = await loadCertificate(options({ hosts: ["b.example", "::2"] }));
    const stateDir = join(root, `state-${folders}`);
    const second = await loadCertificate(options({ stateDir, hosts: ["0:0:0:0:0:0:0:2", "B.example", "localhost"] }));
    assert.deepEqual(second, first);
  });

  test("is replaced when the hosts change", async () => {
    const given = options({ hosts: ["a.example"] });
    const first = await loadCertificate(given);
    const more = await loadCertificate({ ...given, hosts: ["a.example", "b.example"] });
    assert.notEqual(more.fingerprint, first.fingerprint);
    const fewer = await loadCertificate(given);
    assert.notEqual(fewer.fingerprint, more.fingerprint);
    assert.equal(new X509Certificate(fewer.certificate.cert).checkHost("b.example"), undefined);
  });

  test("is replaced when two days or less are left, and when the clock is before its start", async () => {
    const given = options();
    const first = await loadCertificate(given);
    const edge = first.notAfter.getTime() - 2 * DAY_MS;
    const kept = await loadCertificate({ ...given, wallNow: () => edge - 1 });
    assert.equal(kept.fingerprint, first.fingerprint);
    const renewed = await loadCertificate({ ...given, wallNow: () => edge });
    assert.notEqual(renewed.fingerprint, first.fingerprint);
    const early = await loadCertificate({ ...given, wallNow: () => edge - 20 * DAY_MS });
    assert.notEqual(early.fingerprint, renewed.fingerprint);
  });

  test("is replaced when its file is damaged", async () => {
    const given = options();
    const first = await loadCertificate(given);
    const path = join(given.stateDir, "self-signed.pem");
    for (const damage of ["", "nonsense", (await readFile(path, "utf8")).slice(0, 200), first.certificate.cert]) {
      await writeFile(path, damage);
      const state = await loadCertificate(given);
      assert.notEqual(state.fingerprint, first.fingerprint);
      assert.equal((await loadCertificate(given)).fingerprint, state.fingerprint);
    }
  });

  test("is the same for all relays that start at the same time with the same folder", async () => {
    for (let round = 0; round < 5; round++) {
      const given = options();
      const states = await Promise.all(Array.from({ length: 4 }, () => loadCertificate(given)));
      assert.equal(new Set(states.map(({ fingerprint }) => fingerprint)).size, 1);
      assert.deepEqual(await readdir(given.stateDir), ["self-signed.pem"]);
    }
  });

  test("fails with what to do when the folder is unusable", async () => {
    const file = join(root, "a-file");
    await writeFile(file, "");
    for (const stateDir of [file, join(file, "state")]) {
      assert.match(
        await refusal(options({ stateDir })),
        /a-file.*not a folder \(ENOTDIR\); name another .* state_dir$/,
      );
    }
  });

  test("is refused for an invalid host", async () => {
    for (const host of ["", "two words", "https://x", "a..b", `${"a".repeat(64)}.example`, "x:4443"]) {
      assert.match(await refusal(options({ hosts: [host] })), /neither a host name nor an IP address/);
    }
  });
});

describe("a certificate from files", () => {
  async function write(name: string, text: string): Promise<string> {
    const path = join(root, name);
    await writeFile(path, text);
    return path;
  }

  async function pair(): Promise<{ cert: string; key: string; keyPem: string }> {
    const { certificate } = await loadCertificate(options());
    folders += 1;
    return {
      cert: await write(`cert-${folders}.pem`, certificate.cert),
      key: await write(`key-${folders}.pem`, certificate.key),
      keyPem: certificate.key,
    };
  }

  test("is served unchanged", async () => {
    const files = await pair();
    const state = await loadCertificate(options({ files }));
    assert.equal(state.certificate.cert.trim(), (await readFile(files.cert, "utf8")).trim());
    assert.deepEqual([state.generated, state.selfSigned], [false, true]);
  });

  test("keeps its chain with the server's own first, and drops text between the blocks", async () => {
    const [own, other] = [await pair(), await pair()];
    const chain = ["subject=own", await readFile(own.cert, "utf8"), "issuer", await readFile(other.cert, "utf8")];
    const files = { cert: await write("chain.pem", chain.join("\n")), key: own.key };
    const state = await loadCertificate(options({ files }));
    assert.equal(state.certificate.cert.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.doesNotMatch(state.certificate.cert, /subject|issuer/);
    assert.equal(state.fingerprint, (await loadCertificate(options({ files: own }))).fingerprint);
  });

  test("may have a SEC1 key, which is converted to PKCS#8", async () => {
    const files = await pair();
    const sec1 = createPrivateKey(files.keyPem).export({ format: "pem", type: "sec1" }).toString();
    assert.match(sec1, /BEGIN EC PRIVATE KEY/);
    const state = await loadCertificate(options({ files: { cert: files.cert, key: await write("sec1.pem", sec1) } }));
    assert.equal(state.certificate.key, files.keyPem);
  });

  test("may be in one file with its key, in either order", async () => {
    const files = await pair();
    const cert = await readFile(files.cert, "utf8");
    for (const text of [cert + files.keyPem, files.keyPem + cert]) {
      const both = await write("both.pem", text);
      const state = await loadCertificate(options({ files: { cert: both, key: both } }));
      assert.equal(state.certificate.cert.trim(), cert.trim());
      assert.equal(state.certificate.key, files.keyPem);
    }
  });

  test("is refused with the file and the reason", async () => {
    const files = await pair();
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const plain = { format: "pem", type: "pkcs8" } as const;
    const foreign = await write("foreign.pem", other.export(plain).toString());
    const locked = await write(
      "locked.pem",
      other.export({ ...plain, cipher: "aes-256-cbc", passphrase: "x" }).toString(),
    );
    const rubbish = await write("rubbish.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const missing = join(root, "missing.pem");
    const cases: [{ cert?: string; key?: string }, RegExp][] = [
      [{ cert: missing }, /certificate file .*missing\.pem does not exist/],
      [{ key: missing }, /key file .*missing\.pem does not exist/],
      [{ cert: root }, /is a folder/],
      [{ cert: files.key }, /holds no PEM certificate/],
      [{ cert: rubbish }, /rubbish\.pem holds a certificate that cannot be parsed/],
      [{ key: files.cert }, /holds no private key/],
      [{ key: locked }, /locked\.pem is encrypted/],
      [{ key: foreign }, /foreign\.pem does not belong to the first certificate/],
    ];
    for (const [change, message] of cases) {
      assert.match(await refusal(options({ files: { cert: files.cert, key: files.key, ...change } })), message);
    }
  });

  test("is refused when it has expired or is not valid yet", async () => {
    const files = await pair();
    assert.match(await refusal(options({ files, wallNow: () => Date.now() + 13 * DAY_MS })), /expired on 20/);
    assert.match(await refusal(options({ files, wallNow: () => Date.now() - DAY_MS })), /is not valid before 20/);
  });

  test("is refused when its file is not readable", {
    skip: process.getuid?.() === 0 && "root may read everything",
  }, async () => {
    const files = await pair();
    await chmod(files.key, 0);
    assert.match(await refusal(options({ files })), /permission denied/);
  });

  test("does not use the state folder", async () => {
    const stateDir = join(root, "untouched");
    await mkdir(stateDir);
    await loadCertificate(options({ files: await pair(), stateDir }));
    assert.deepEqual(await readdir(stateDir), []);
  });
});
