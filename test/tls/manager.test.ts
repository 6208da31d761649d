import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { type CertificateState, loadCertificate } from "../../transport/tls/certificate.ts";
import { CertificateManager, CHECK_INTERVAL_MS } from "../../transport/tls/manager.ts";

const DAY_MS = 86_400_000;

describe("the certificate manager", () => {
  let stateDir = "";
  let wall = 0;
  let clock = new ManualClock();
  let warnings: string[] = [];
  const open = (files?: { cert: string; key: string }) =>
    CertificateManager.open(
      { stateDir, hosts: [], wallNow: () => wall, ...(files && { files }) },
      { clock, warn: (message) => warnings.push(message) },
    );

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "moqmesh-tls-"));
  });
  after(() => rm(stateDir, { recursive: true, force: true }));
  beforeEach(() => {
    wall = Date.now();
    clock = new ManualClock();
    warnings = [];
  });

  test("renews a self-signed certificate two days before its end and calls its listeners", async () => {
    const manager = await open();
    const first = manager.current;
    const seen: CertificateState[] = [];
    manager.onChange((state) => seen.push(state));
    clock.advance(CHECK_INTERVAL_MS);
    await manager.check();
    assert.equal(manager.current.fingerprint, first.fingerprint);
    assert.equal(clock.pending, 1);

    wall = first.notAfter.getTime() - 2 * DAY_MS + 1;
    clock.advance(CHECK_INTERVAL_MS);
    await manager.check();
    assert.deepEqual(seen, [manager.current]);
    assert.notEqual(manager.current.fingerprint, first.fingerprint);
    assert.ok(manager.current.notAfter.getTime() > first.notAfter.getTime() + 10 * DAY_MS);
    assert.deepEqual(warnings, []);
    manager.close();
  });

  test("uses a self-signed certificate that another relay of the same folder has renewed, and replaces none of other hosts", async () => {
    const manager = await open();
    const renewed = await loadCertificate({ stateDir: join(stateDir, "other"), hosts: [], wallNow: () => wall });
    const { cert, key } = renewed.certificate;
    await writeFile(join(stateDir, "self-signed.pem"), key + cert);
    assert.ok(await manager.reload());
    assert.equal(manager.current.fingerprint, renewed.fingerprint);

    const others = await loadCertificate({ stateDir, hosts: ["other.example"], wallNow: () => wall });
    assert.ok(!(await manager.reload()));
    assert.equal(manager.current.fingerprint, renewed.fingerprint);
    const again = await loadCertificate({ stateDir, hosts: ["other.example"], wallNow: () => wall });
    assert.equal(again.fingerprint, others.fingerprint);
    manager.close();
  });

  test("uses replaced files, and keeps the old certificate while they are invalid", async () => {
    const [one, two] = await Promise.all(
      ["one", "two"].map((name) => loadCertificate({ stateDir: join(stateDir, name), hosts: [], wallNow: Date.now })),
    );
    assert.ok(one !== undefined && two !== undefined);
    const files = { cert: join(stateDir, "cert.pem"), key: join(stateDir, "key.pem") };
    const put = async (cert: CertificateState, key: CertificateState) => {
      await writeFile(files.cert, cert.certificate.cert);
      await writeFile(files.key, key.certificate.key);
    };
    await put(one, one);
    const manager = await open(files);
    let changes = 0;
    manager.onChange(() => {
      changes += 1;
    });

    await put(two, one);
    await manager.check();
    assert.equal(manager.current.fingerprint, one.fingerprint);
    assert.deepEqual(warnings, ["the certificate could not be renewed; the old one stays in use"]);

    await put(two, two);
    await manager.check();
    assert.equal(manager.current.fingerprint, two.fingerprint);
    assert.equal(changes, 1);
    manager.close();
  });

  test("warns before a certificate that it cannot renew expires, and when it has expired", async () => {
    const given = await loadCertificate({ stateDir, hosts: ["end.example"], wallNow: Date.now });
    const files = { cert: join(stateDir, "end.pem"), key: join(stateDir, "end.pem") };
    await writeFile(files.cert, given.certificate.cert + given.certificate.key);
    const manager = await open(files);
    assert.deepEqual(warnings, []);
    wall = given.notAfter.getTime() - 6 * DAY_MS;
    await manager.check();
    assert.match(warnings.join(), /^the certificate expires on 20/);
    warnings = [];
    wall = given.notAfter.getTime() + 1;
    await manager.check();
    assert.match(warnings.join(), /the certificate expired on 20/);
    manager.close();
  });

  test("leaves no timer when it is closed, also during a check", async () => {
    const manager = await open();
    let changes = 0;
    manager.onChange(() => {
      changes += 1;
    });
    wall = manager.current.notAfter.getTime();
    const look = manager.check();
    manager.close();
    await look;
    assert.equal(changes, 0);
    assert.equal(clock.pending, 0);
  });
});
