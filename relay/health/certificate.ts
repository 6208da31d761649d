import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { Certificate } from "../../moq/link.ts";
import type { Check, Finding } from "./contract.ts";
import { fact } from "./fact.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** The certificates that the relay serves. */
export interface ServedCertificates {
  readonly certificate: Certificate;
  /** This program made the certificate: it renews it in time, and clients know it by its fingerprint. */
  readonly generated: boolean;
  /** Clients know it by its fingerprint, whatever names it has. */
  readonly selfSigned: boolean;
}

export interface CertificateDeps {
  readonly served: () => ServedCertificates;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Days before the end of a certificate from which on a warning stands. */
  readonly warnDays: () => number;
  /** Names and addresses under which clients dial this relay, as far as the configuration says so. */
  readonly names: readonly string[];
}

/** What is read of a certificate, once. */
interface Parsed {
  readonly name: string;
  readonly from: Date;
  readonly to: Date;
  readonly x509: X509Certificate;
}

/**
 * Checks of the certificates: the main one is valid now (else the relay is not ready), none ends within `warnDays` or has ended, and one has
 * each name under which clients dial the relay.
 */
export function certificateChecks({ served, wallNow, warnDays, names }: CertificateDeps): Check[] {
  const parse = remembered();
  const main = () => parse(served().certificate)[0];
  return [
    fact("certificate_expired", "not_ready", () => {
      const one = main();
      if (one === undefined || wallNow() <= one.to.getTime()) return undefined;
      return `the certificate of ${one.name} expired at ${one.to.toISOString()}`;
    }),
    fact("certificate_not_yet_valid", "not_ready", () => {
      const one = main();
      if (one === undefined || wallNow() >= one.from.getTime()) return undefined;
      return `the certificate of ${one.name} is valid from ${one.from.toISOString()} on, and by this machine's clock it is ${new Date(wallNow()).toISOString()}`;
    }),
    fact("certificate_expires_soon", "warning", () => {
      if (served().generated) return undefined;
      const from = wallNow() + warnDays() * DAY_MS;
      const ends = parse(served().certificate).filter(({ to }) => to.getTime() <= from);
      return ends.length === 0 ? undefined : ends.map(({ name, to }) => ending(name, to, wallNow())).join("; ");
    }),
    fact("certificate_name_mismatch", "warning", (): Finding => {
      if (served().selfSigned) return undefined;
      const all = parse(served().certificate);
      const missing = names.filter((name) => !all.some(({ x509 }) => covers(x509, name)));
      if (missing.length === 0) return undefined;
      return `no certificate is for ${missing.join(", ")}: clients that dial the relay by that name do not trust it`;
    }),
  ];
}

function ending(name: string, to: Date, now: number): string {
  const days = Math.floor((to.getTime() - now) / DAY_MS);
  const when = days < 0 ? "expired" : `expires in ${days} days,`;
  return `the certificate of ${name} ${when} at ${to.toISOString()}`;
}

function covers(x509: X509Certificate, name: string): boolean {
  return (isIP(name) === 0 ? x509.checkHost(name) : x509.checkIP(name)) !== undefined;
}

/** Parses the main certificate and those of further names, once for each state. */
function remembered(): (certificate: Certificate) => readonly Parsed[] {
  let known: Certificate | undefined;
  let parsed: readonly Parsed[] = [];
  return (certificate) => {
    if (certificate !== known) {
      known = certificate;
      const further = [...(certificate.names ?? [])].map(([name, { cert }]) => parsedOf(cert, name));
      parsed = [parsedOf(certificate.cert), ...further];
    }
    return parsed;
  };
}

function parsedOf(pem: string, asked?: string): Parsed {
  const x509 = new X509Certificate(pem);
  const first = /(?:DNS|IP Address):([^,]+)/.exec(x509.subjectAltName ?? "")?.[1] ?? x509.subject;
  return { name: asked ?? first, from: x509.validFromDate, to: x509.validToDate, x509 };
}
