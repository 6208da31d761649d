/** A certificate authority of a test's own. */
import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

const SIGNING = { name: "ECDSA", hash: "SHA-256" };
const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const DAY_MS = 86_400_000;

export interface Issued {
  /** Host that it is for; `127.0.0.1` unless told. */
  readonly host?: string;
  /** Days from now at which it ends; 10 unless told, negative for one that has expired. */
  readonly days?: number;
}

export class Authority {
  readonly #folder: string;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #certificate: x509.X509Certificate;
  #serial = 2;

  private constructor(folder: string, keys: webcrypto.CryptoKeyPair, certificate: x509.X509Certificate) {
    this.#folder = folder;
    this.#keys = keys;
    this.#certificate = certificate;
  }

  static async make(name: string): Promise<Authority> {
    const keys = await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name: `CN=${name}`,
      notBefore: new Date(Date.now() - 30 * DAY_MS),
      notAfter: new Date(Date.now() + 30 * DAY_MS),
      signingAlgorithm: SIGNING,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    });
    const authority = new Authority(await mkdtemp(join(tmpdir(), "moqmesh-authority-")), keys, certificate);
    await writeFile(authority.file, certificate.toString("pem"));
    return authority;
  }

  /** Path of its own certificate. */
  get file(): string {
    return join(this.#folder, "ca.pem");
  }

  /** A certificate and its key, as paths of PEM files. */
  async issue({ host = "127.0.0.1", days = 10 }: Issued = {}): Promise<{ cert: string; key: string }> {
    const keys = await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
    const serial = this.#serial++;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial.toString(16).padStart(2, "0"),
      subject: "CN=relay",
      issuer: this.#certificate.subject,
      notBefore: new Date(Date.now() - 20 * DAY_MS),
      notAfter: new Date(Date.now() + days * DAY_MS),
      signingAlgorithm: SIGNING,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: /^[\d.]+$/.test(host) ? "ip" : "dns", value: host }]),
      ],
    });
    const [cert, key] = ["crt", "key"].map((end) => join(this.#folder, `${serial}.${end}`));
    if (cert === undefined || key === undefined) throw new Error("no paths");
    await writeFile(cert, certificate.toString("pem"));
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    await writeFile(key, x509.PemConverter.encode(pkcs8, "PRIVATE KEY"), { mode: 0o600 });
    return { cert, key };
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
