/** A certificate authority of a test's own. */
import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { Certificate } from "../../moq/link.ts";

const SIGNING = { name: "ECDSA", hash: "SHA-256" };
const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const DAY_MS = 86_400_000;

/** Days for which the authority's own certificate is valid, before and after now. */
const AUTHORITY_DAYS = 30;

/** Days before now at which an issued certificate begins: one that has expired was valid before. */
const BACKDATED_DAYS = 20;

export interface Issued {
  readonly use?: "server" | "client";
  /** Names or addresses; the first is the subject as well. */
  readonly names: readonly string[];
  /** Days from now at which it ends, 10 by default; negative for one that has expired. */
  readonly days?: number;
  /** Days before now at which it begins; negative for one that is valid later. */
  readonly before?: number;
}

export class Authority {
  /** PEM of its own certificate. */
  readonly root: string;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #certificate: x509.X509Certificate;

  private constructor(keys: webcrypto.CryptoKeyPair, certificate: x509.X509Certificate) {
    this.#keys = keys;
    this.#certificate = certificate;
    this.root = certificate.toString("pem");
  }

  static async make(name: string): Promise<Authority> {
    const keys = await keyPair();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      ...validity(AUTHORITY_DAYS, AUTHORITY_DAYS),
      signingAlgorithm: SIGNING,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 1, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new Authority(keys, certificate);
  }

  /** An authority whose certificate this one signs; `days` as in {@link Issued}. */
  async intermediate(name: string, days = AUTHORITY_DAYS): Promise<Authority> {
    const keys = await keyPair();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${name}`,
      issuer: this.#certificate.subject,
      ...validity(BACKDATED_DAYS, days),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new Authority(keys, certificate);
  }

  async issue({ use = "server", names, days = 10, before = BACKDATED_DAYS }: Issued): Promise<Certificate> {
    const own = await keyPair();
    const purpose = use === "server" ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${names[0] ?? "unnamed"}`,
      issuer: this.#certificate.subject,
      ...validity(before, days),
      publicKey: own.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.ExtendedKeyUsageExtension([purpose]),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names.map(nameOf))]),
      ],
    });
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", own.privateKey);
    return {
      cert: `${certificate.toString("pem")}\n`,
      key: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`,
    };
  }
}

function nameOf(value: string) {
  return { type: /^[\d.]+$/.test(value) ? ("ip" as const) : ("dns" as const), value };
}

function keyPair(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
}

function validity(before: number, after: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - before * DAY_MS), notAfter: new Date(now + after * DAY_MS) };
}
