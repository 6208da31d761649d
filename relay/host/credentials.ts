import { X509Certificate } from "node:crypto";
import { AuthError, type PeerCertificate } from "../../auth/index.ts";
import type { LinkInfo } from "../../moq/link.ts";
import { isLocalRequest } from "../http/index.ts";

/** Header fields by which a proxy tells for whom it asks: the peer's own address says nothing then. */
const PROXY_FIELDS = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/**
 * The token of a request: `?jwt=` or `Authorization: Bearer`. Throws {@link AuthError} `token_malformed` when there are
 * several, or the field is of another scheme.
 */
export function tokenOf({ query, headers }: Pick<LinkInfo, "query" | "headers">): string | undefined {
  const tokens = new URLSearchParams(query).getAll("jwt").filter((one) => one !== "");
  const field = headers.get("authorization");
  if (field !== undefined) {
    const bearer = /^bearer +(\S+) *$/i.exec(field)?.[1];
    if (bearer === undefined) throw new AuthError("token_malformed", "the Authorization field holds no Bearer token");
    tokens.push(bearer);
  }
  const [token] = tokens;
  if (tokens.some((one) => one !== token)) throw new AuthError("token_malformed", "there are several tokens");
  return token;
}

/** True when a proxy speaks for somebody else. */
export function isProxied({ headers }: Pick<LinkInfo, "headers">): boolean {
  return PROXY_FIELDS.some((name) => headers.has(name));
}

/** True when a page of another origin asks, or for a host name that is not of this machine. No page opens raw QUIC, which names neither. */
export function isForeign({
  binding,
  authority,
  headers,
}: Pick<LinkInfo, "binding" | "authority" | "headers">): boolean {
  return binding !== "quic" && !isLocalRequest(authority, headers.get("origin"));
}

/** Bytes of a subject that are kept and logged. */
const MAX_SUBJECT = 256;

/** The certificate that a client proved to own; its engine has checked it against the authorities that are configured. */
export function certificateOf({ peerCertificate }: Pick<LinkInfo, "peerCertificate">): PeerCertificate | undefined {
  if (peerCertificate === undefined) return undefined;
  const parsed = new X509Certificate(peerCertificate);
  const name = /^CN=(.+)$/m.exec(parsed.subject)?.[1] ?? parsed.subject.replaceAll("\n", ", ");
  return {
    subject: name.slice(0, MAX_SUBJECT),
    fingerprint: parsed.fingerprint256.replaceAll(":", "").toLowerCase(),
    notAfter: parsed.validToDate.getTime(),
  };
}
