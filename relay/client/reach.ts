/** What a client can find out about a host before any session: its addresses, whether a TCP port answers, and its certificate. */

import { X509Certificate } from "node:crypto";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect as connectTcp, isIP } from "node:net";
import { TransportError } from "../../moq/link.ts";
import { tls } from "../../transport/shared/index.ts";
import { describeTcpFailure, dialTlsOptions, peerCertificateOf } from "../../transport/tls/index.ts";

const DAY_MS = 86_400_000;

/** An IP address of a host. */
export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** The addresses of a host in the order in which the system wants them to be tried. Rejects with {@link TransportError}. */
export async function addressesOf(host: string, timeoutMs: number): Promise<HostAddress[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family: family === 6 ? 6 : 4 }];
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new TransportError("dial_timeout", "no name server answers")), timeoutMs);
  try {
    const found = await Promise.race([lookup(host, { all: true, order: "verbatim" }), late.promise]);
    return found.map((one) => ({ address: one.address, family: one.family === 6 ? 6 : 4 }));
  } catch (cause) {
    if (cause instanceof TransportError) throw cause;
    throw new TransportError("dial_failed", describeTcpFailure(cause), { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** A socket address. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** `refused`: the host answers, and nothing listens on the port. `silent`: nothing answers. */
export type TcpState = "open" | "refused" | "silent";

/** Whether a TCP port answers. Sends nothing. Never rejects. */
export async function knockTcp({ address: host, port }: Endpoint, timeoutMs: number): Promise<TcpState> {
  const socket = connectTcp({ host, port });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(timeoutMs) });
    return "open";
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ECONNREFUSED" ? "refused" : "silent";
  } finally {
    socket.on("error", () => {}).destroy();
  }
}

/** DER of the certificate that a TLS port shows for `name`, whoever issued it. Sends nothing after the handshake. Never rejects. */
export async function shownCertificate(
  { address: host, port }: Endpoint,
  name: string,
  timeoutMs: number,
): Promise<Uint8Array | undefined> {
  const socket = tls.connect({ host, port, ...dialTlsOptions(name, { kind: "insecure" }) });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(timeoutMs) });
    return peerCertificateOf(socket);
  } catch {
    return undefined;
  } finally {
    socket.on("error", () => {}).destroy();
  }
}

/** What a certificate says. */
export interface CertificateFacts {
  /** DNS names and addresses. */
  readonly names: readonly string[];
  /** Common name of the issuer, or its whole name. */
  readonly issuer: string;
  readonly selfSigned: boolean;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Whole days until it expires; negative for one that expired at least a day ago. */
  readonly daysLeft: number;
  /** SHA-256 of its DER, lower-case hex. */
  readonly sha256: string;
}

/** Reads the DER of a certificate; `now` is the time since 1970 in milliseconds. */
export function certificateFacts(der: Uint8Array, now: number): CertificateFacts {
  const read = new X509Certificate(der);
  const { validFromDate: notBefore, validToDate: notAfter } = read;
  const names = (read.subjectAltName ?? "").split(", ").flatMap((entry) => {
    const name = entry.replace(/^(?:DNS|IP Address):/, "");
    if (isIP(name) === 6) return [new URL(`http://[${name}]/`).hostname.slice(1, -1)];
    return name === "" ? [] : [name];
  });
  return {
    names,
    issuer: /^CN=(.*)$/m.exec(read.issuer)?.[1] ?? read.issuer.replaceAll("\n", ", "),
    selfSigned: read.issuer === read.subject && read.verify(read.publicKey),
    notBefore,
    notAfter,
    daysLeft: Math.trunc((notAfter.getTime() - now) / DAY_MS),
    sha256: read.fingerprint256.replaceAll(":", "").toLowerCase(),
  };
}
