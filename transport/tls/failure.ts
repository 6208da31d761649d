/** Describes the failure of a connection over TCP or TLS for the operator who dialled. */

/** Node's error codes, for certificates and for connections. */
const UNTRUSTED: ReadonlyMap<string, string> = new Map([
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "its certificate is self-signed"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "its certificate is not from an authority that is trusted here"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "its certificate is not from an authority that is trusted here"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "its certificate is not from an authority that is trusted here"],
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["CERT_NOT_YET_VALID", "its certificate is not valid yet"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name"],
]);

const OTHERS: ReadonlyMap<string, string> = new Map([
  ["ERR_SSL_WRONG_VERSION_NUMBER", "there is no TLS on that port: use http:// or ws://"],
  ["ERR_SSL_PACKET_LENGTH_TOO_LONG", "there is no TLS on that port: use http:// or ws://"],
  ["ENOTFOUND", "there is no host of that name"],
  ["EAI_AGAIN", "the host's name cannot be looked up"],
  ["ECONNREFUSED", "nothing listens there (ECONNREFUSED)"],
]);

/** The failure of a connection, without the advice that Node adds for programmers. */
export function describeTcpFailure(error: unknown): string {
  // `fetch` hides the system's error in its cause.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause ? String(cause.code) : "";
  return UNTRUSTED.get(code) ?? OTHERS.get(code) ?? firstLine(cause.message);
}

/**
 * rustls's names for faults of a certificate. quiche reports only the TLS alert (RFC 9001 section 4.8, RFC 8446 section
 * 6).
 */
const FAULTS: readonly (readonly [RegExp, string])[] = [
  [/UnknownIssuer/, "its certificate is not from an authority that is trusted here"],
  [/NotValidForName/, "its certificate is for another name"],
  [/matches none of the pinned hashes/, "its certificate has another fingerprint"],
  [/NotValidYet/, "its certificate is not valid yet"],
  [/certificate.*[Ee]xpired|transport error 0x12d/, "its certificate has expired"],
  [/transport error 0x1(2[abce]|30)/, "its certificate is not trusted here"],
];

/** What a dial's error message says about the relay's certificate; undefined for other failures. */
export function explainCertificateError(message: string): string | undefined {
  const fault = FAULTS.find(([pattern]) => pattern.test(message))?.[1];
  return fault ?? /its certificate is .*/.exec(message)?.[0];
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]?.trim() ?? "";
}
