/** How a TLS connection over TCP trusts its peer: the contract's `Trust` as options of Node. */

import { createHash, timingSafeEqual } from "node:crypto";
import { isIP, type Socket } from "node:net";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import type { Trust } from "../../moq/link.ts";
import { tls } from "../shared/index.ts";

/**
 * For `tls.connect` to `host`. With `hashes` the certificate is checked by {@link matchesPins}, before a byte is sent.
 */
export function dialTlsOptions(host: string, trust: Trust): TlsOptions {
  const base: TlsOptions = { minVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"] };
  if (isIP(host) === 0) base.servername = host;
  if (trust.kind === "roots") return { ...base, ca: trust.pem };
  return trust.kind === "system" ? base : { ...base, rejectUnauthorized: false };
}

/** Whether the peer proved that it owns a pinned certificate. Always true where none is pinned: TLS itself checks the other kinds of trust. */
export function matchesPins(certificate: Uint8Array | undefined, trust: Trust): boolean {
  if (trust.kind !== "hashes") return true;
  if (certificate === undefined) return false;
  const hash = createHash("sha256").update(certificate).digest();
  return trust.sha256.some((expected) => expected.length === hash.length && timingSafeEqual(expected, hash));
}

/** DER of the peer's certificate; nothing where there is no TLS. */
export function peerCertificateOf(socket: Socket): Uint8Array | undefined {
  return socket instanceof tls.TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
}

/** DER of the certificate that a client has shown and that one of the listener's authorities vouches for. */
export function clientCertificateOf(socket: Socket): Uint8Array | undefined {
  return socket instanceof tls.TLSSocket && socket.authorized ? peerCertificateOf(socket) : undefined;
}
