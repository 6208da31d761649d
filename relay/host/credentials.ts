import { X509Certificate } from "node:crypto";
import { AuthError, type PeerCertificate } from "../../auth/index.ts";
import type { LinkInfo } from "../../moq/link.ts";
import { isLocalRequest, isProxied as isProxyHeaders } from "../http/index.ts";

/**
 * The token of a request: `?jwt=` or `Authorization: Bearer`. Throws {@link AuthError} `token_malformed` when there are
 * several, or the field has another scheme.
 */
export function tokenOf({ query, headers }: Pick<LinkInfo, "query" | "headers">): string | undefined {
  const tokens = new URLSearchParams(query).getAll("jwt").filter((one) => one !== "");
  const field = headers.get("authorization");
  if (field !== undefined) {
    const bearer = /^bearer +(\S+) *$/i.exec(field)?.[1];
    if (bearer === undefined) throw new AuthError("token_malformed", "the Authorization field has no Bearer token");
    tokens.push(bearer);
  }
  const [token] = tokens;
  if (tokens.some((one) => one !== token))
    throw new AuthError("token_malformed", "the request has several different tokens");
  return token;
}

/** True when a proxy sends the request for another client. */
export function isProxied({ headers }: Pick<LinkInfo, "headers">): boolean {
  return isProxyHeaders((name) => headers.has(name));
}

/**
 * True when a page of another origin sends the request, or the request names a host that is not this machine. Pages cannot open raw QUIC,
 * which has neither.
 */
export function isForeign({
  binding,
  authority,
  headers,
}: Pick<LinkInfo, "binding" | "authority" | "headers">): boolean {
  return binding !== "quic" && !isLocalRequest(authority, headers.get("origin"));
}

/** Longest subject that is kept and logged, in bytes. */
const MAX_SUBJECT = 256;

/** Who a client certificate is for: its common name, else its first DNS name, else its whole subject. */
export function certificateName({ subject, subjectAltName = "" }: X509Certificate): string {
  const common = /^CN=(.+)$/m.exec(subject)?.[1];
  const first = /(?:^|, )DNS:([^,"]+)/.exec(subjectAltName)?.[1];
  return (common ?? first ?? subject.replaceAll("\n", ", ")).slice(0, MAX_SUBJECT);
}

/** The client certificate of a link. Its engine has verified it against the configured authorities. */
export function certificateOf({ peerCertificate }: Pick<LinkInfo, "peerCertificate">): PeerCertificate | undefined {
  if (peerCertificate === undefined) return undefined;
  const parsed = new X509Certificate(peerCertificate);
  return {
    subject: certificateName(parsed),
    fingerprint: parsed.fingerprint256.replaceAll(":", "").toLowerCase(),
    notAfter: parsed.validToDate.getTime(),
  };
}
