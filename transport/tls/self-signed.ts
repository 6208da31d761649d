import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { isIP, isIPv6, SocketAddress } from "node:net";
import { type Certificate, TransportError } from "../../moq/link.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Validity of a self-signed certificate. Browsers accept a pinned hash for at most 14 days (WebTransport, custom
 * certificate requirements).
 */
export const SELF_SIGNED_LIFE_MS = 13 * DAY_MS;

/** A self-signed certificate with less than this left is replaced. */
export const RENEW_BEFORE_MS = 2 * DAY_MS;

/** `notBefore` is this far in the past, for clients whose clock is slow. Part of the validity. */
const CLOCK_SKEW_MS = 60 * 60 * 1000;

const OWN_CLIENT_LIFE_MS = 20 * 365 * DAY_MS;

/** Names that every self-signed certificate carries. */
const ALWAYS_HOSTS = ["localhost", "127.0.0.1", "::1"] as const;

const MAX_DNS_NAME = 253;
const DNS_NAME = /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?$/;

/** The configured hosts and the loopback names: one spelling each, unique, sorted. */
export function certificateHosts(hosts: readonly string[]): string[] {
  return [...new Set([...ALWAYS_HOSTS, ...hosts].map(normalizeHost))].sort();
}

/** True when the certificate has exactly these names (as `certificateHosts` spells them). */
export function hasHosts(certificate: X509Certificate, hosts: readonly string[]): boolean {
  const names = (certificate.subjectAltName ?? "")
    .split(", ")
    .filter((name) => name !== "")
    .map((name) => normalizeHost(name.replace(/^(DNS|IP Address):/, "")));
  return names.length === hosts.length && names.every((name) => hosts.includes(name));
}

/** Lower-case hex of the SHA-256 of the certificate's DER, as WebTransport's `serverCertificateHashes` takes it. */
export function fingerprintOf(certificate: X509Certificate): string {
  return createHash("sha256").update(certificate.raw).digest("hex");
}

/**
 * A new ECDSA P-256 certificate for `hosts` (as `certificateHosts` spells them), valid from about `nowMs`
 * (milliseconds since 1970) for {@link SELF_SIGNED_LIFE_MS}.
 */
export async function makeSelfSigned(hosts: readonly string[], nowMs: number): Promise<Certificate> {
  return await make({ hosts, nowMs, lifeMs: SELF_SIGNED_LIFE_MS, use: "serverAuth", name: "moqmesh self-signed" });
}

/** A certificate with which a program shows itself to its own listener. It is its own authority, and lives longer than any program. */
export async function makeSelfProbeCertificate(nowMs: number): Promise<Certificate> {
  return await make({ hosts: [], nowMs, lifeMs: OWN_CLIENT_LIFE_MS, use: "clientAuth", name: "moqmesh self-probe" });
}

interface Asked {
  readonly hosts: readonly string[];
  readonly nowMs: number;
  readonly lifeMs: number;
  readonly use: "serverAuth" | "clientAuth";
  readonly name: string;
}

async function make({ hosts, nowMs, lifeMs, use, name }: Asked): Promise<Certificate> {
  const x509 = await import("./x509.ts");
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const notBefore = nowMs - CLOCK_SKEW_MS;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=${name}`,
      notBefore: new Date(notBefore),
      notAfter: new Date(notBefore + lifeMs),
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[use]]),
        ...(hosts.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(hosts.map(nameOf))]),
      ],
    },
    crypto,
  );
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
  return {
    cert: new X509Certificate(certificate.toString("pem")).toString(),
    key: key.export({ format: "pem", type: "pkcs8" }).toString(),
  };
}

function nameOf(value: string) {
  return { type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value };
}

function normalizeHost(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (isIPv6(bare)) return new SocketAddress({ address: bare, family: "ipv6" }).address;
  if (isIP(bare) !== 0) return bare;
  if (bare.length > MAX_DNS_NAME || !DNS_NAME.test(bare)) {
    throw new TransportError("bad_certificate", `"${host}" is neither a host name nor an IP address`);
  }
  return bare.replace(/\.$/, "");
}
