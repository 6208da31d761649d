/** Why a client was refused: stable codes for clients, logs and metrics, and the HTTP status of each. */
export const REFUSALS = {
  /** No token, and nothing is public here. */
  token_missing: 401,
  token_malformed: 401,
  token_too_large: 401,
  /** `none`, or another algorithm than the key is for. */
  alg_refused: 401,
  /** No key has its `kid`. */
  key_unknown: 401,
  signature_invalid: 401,
  token_expired: 401,
  token_not_yet_valid: 401,
  claims_invalid: 401,
  issuer_mismatch: 401,
  audience_mismatch: 401,
  token_revoked: 401,
  /** The token grants more than its key may grant. */
  key_scope_exceeded: 403,
  /** The path of the URL and the token's root have nothing in common. */
  path_unrelated: 403,
  /** Nothing of what the token (or public access) grants is under the path of the URL. */
  path_not_granted: 403,
  /** `.` or `..`, control characters, or something that cannot be decoded. */
  path_invalid: 400,
  /** No key and no public prefix is configured: this relay serves its own machine only. */
  not_configured: 403,
  /** A page of another origin, or a request for another host name, at a relay that serves its own machine only. */
  origin_refused: 403,
  /** The keys could never be loaded, or what was loaded is too old to be trusted. */
  keys_unavailable: 503,
  /** The file of what is revoked cannot be read, and what it said before is too old to be trusted. */
  revocations_unavailable: 503,
  /** The service that decides did not answer, or not as it should. */
  api_unavailable: 503,
  address_denied: 403,
  /** Too many sessions of one address. */
  address_sessions: 429,
  /** Too many handshakes a second of one address. */
  address_rate: 429,
  /** Another token that no key signed, after too many of one address. */
  address_backoff: 429,
  /** Too many sessions of one tenant. */
  tenant_sessions: 429,
  /** Only relays of the mesh may come in here: the token lacks the `cluster` claim. */
  cluster_required: 403,
  /** The relay has another name than its token or certificate says. */
  node_mismatch: 403,
  /** This relay is no root, or belongs to no mesh. */
  not_a_root: 404,
  /** Too many decisions under way. */
  busy: 503,
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** The token may have been made up: no key has signed it. One that is signed and expired, say, is no guess. */
const GUESSES: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  "token_malformed",
  "token_too_large",
  "alg_refused",
  "key_unknown",
  "signature_invalid",
]);

/** A refused client. The message is for it and for the log: it says what was missing, and never holds a token. */
export class AuthError extends Error {
  override readonly name = "AuthError";
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** The client may be guessing tokens. */
  get guess(): boolean {
    return GUESSES.has(this.code);
  }

  /** The HTTP status that it is answered with. */
  get status(): number {
    return REFUSALS[this.code];
  }
}
