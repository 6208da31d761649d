import { X509Certificate } from "node:crypto";
import { AuthError, isProof, type PeerCertificate, presentedTexts } from "../../auth/index.ts";
import type { LinkInfo } from "../../moq/link.ts";
import { isLocalRequest, isProxied as isProxyHeaders } from "../http/index.ts";

/** What a client presents when it opens a session. */
interface Credentials {
  readonly token: string | undefined;
  /** That it has the key to which the token is bound. */
  readonly proof: string | undefined;
}

/**
 * The token of a request, and the proof of its key. A token is in `?jwt=`, in `?cat=`, in the fields `Authorization: Bearer` and
 * `CTA-Common-Access-Token`, or in the client's SETUP; a proof in `?dpop=`, in the field `DPoP`, or in the SETUP. Throws {@link AuthError}
 * `token_malformed` when there are several, or Authorization has another scheme.
 */
export function credentialsOf({
  query,
  headers,
  tokens = [],
}: Pick<LinkInfo, "query" | "headers" | "tokens">): Credentials {
  const parameters = new URLSearchParams(query);
  const presented = presentedTexts(tokens);
  const bearers: string[] = [];
  const field = headers.get("authorization");
  if (field !== undefined) {
    const bearer = /^bearer +(\S+) *$/i.exec(field)?.[1];
    if (bearer === undefined) throw new AuthError("token_malformed", "the Authorization field has no Bearer token");
    bearers.push(bearer);
  }
  const found = [
    ...parameters.getAll("jwt"),
    ...parameters.getAll("cat").map(spacesToPluses),
    ...bearers,
    headers.get(CAT_FIELD) ?? "",
    ...presented.filter((text) => !isProof(text)),
  ];
  const proofs = [...parameters.getAll("dpop"), headers.get("dpop") ?? "", ...presented.filter(isProof)];
  return { token: onlyOne(found, "tokens"), proof: onlyOne(proofs, "proofs of possession") };
}

/** The field of CTA-5007. */
const CAT_FIELD = "cta-common-access-token";

/** A query has spaces for the `+` of base64 that was not encoded for it. */
function spacesToPluses(text: string): string {
  return text.replaceAll(" ", "+");
}

function onlyOne(texts: readonly string[], what: string): string | undefined {
  const [first, second] = new Set(texts.filter((text) => text !== ""));
  if (second === undefined) return first;
  throw new AuthError("token_malformed", `the request has several different ${what}`);
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
