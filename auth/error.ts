/** Why a client was refused: stable codes for clients, logs and metrics, and the HTTP status of each. */
export const REFUSALS = {
  /** No token, and no public prefix here. */
  token_missing: 401,
  token_malformed: 401,
  token_too_large: 401,
  /** `none`, or an algorithm that does not match the key. */
  alg_refused: 401,
  /** No key has its `kid`. */
  key_unknown: 401,
  signature_invalid: 401,
  token_expired: 401,
  token_not_yet_valid: 401,
  /** The token has no `exp`, or lives longer than `auth.max_life`. */
  life_too_long: 401,
  claims_invalid: 401,
  issuer_mismatch: 401,
  audience_mismatch: 401,
  token_revoked: 401,
  /** The token has a restriction that this relay cannot check. */
  claim_unsupported: 401,
  /** The token is bound to a key, and the client did not prove that it has the key. */
  proof_missing: 401,
  proof_invalid: 401,
  /** A kind of token that this relay does not accept: see `auth.tokens`. */
  token_kind_refused: 401,
  /** The token grants more than its key may grant. */
  key_scope_exceeded: 403,
  /** The path of the URL and the token's root have nothing in common. */
  path_unrelated: 403,
  /** The token (or public access) grants nothing under the path of the URL. */
  path_not_granted: 403,
  /** The claim `moqt` of the token does not have the action. */
  action_not_granted: 403,
  /** The path has `.` or `..` or control characters, or cannot be decoded. */
  path_invalid: 400,
  /** No key and no public prefix is configured: this relay serves its own machine only. */
  not_configured: 403,
  /**
   * A page of an origin that is not in `auth.origins`. At a relay that serves its own machine only: a page of another origin, or a request
   * for another host name.
   */
  origin_refused: 403,
  /** Keys could not be loaded, or the loaded ones are too old to be trusted. */
  keys_unavailable: 503,
  /** The revocation file cannot be read, and its last content is too old to be trusted. */
  revocations_unavailable: 503,
  /** The external service gave no valid answer. */
  api_unavailable: 503,
  address_denied: 403,
  /** Too many sessions from one address. */
  address_sessions: 429,
  /** Too many handshakes per second from one address. */
  address_rate: 429,
  /** Another bad token after too many from one address. */
  address_backoff: 429,
  /** Too many sessions of one tenant. */
  tenant_sessions: 429,
  /** Only relays of the mesh may connect here: the token has no `cluster` claim. */
  cluster_required: 403,
  /** Only tokens for the admin API may be used here: the token has no `admin` claim. */
  admin_required: 403,
  /** This relay serves relays of the mesh at a listener of their own. */
  cluster_listener_required: 403,
  /** The address is outside the networks from which relays of the mesh may connect. */
  cluster_address_denied: 403,
  /** Relays of the mesh must show a certificate. */
  certificate_required: 403,
  /** The relay uses another name than its token or certificate states. */
  node_mismatch: 403,
  /** This relay is not a root, or not part of a mesh. */
  not_a_root: 404,
  /** Too many decisions at once. */
  busy: 503,
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** Codes of tokens that no key signed, which a client may have guessed. A signed token, even an expired one, is not a guess. */
const GUESSES: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  "token_malformed",
  "token_too_large",
  "alg_refused",
  "key_unknown",
  "signature_invalid",
]);

/** A client is refused. The message is for the client and the log: it says what is missing and never contains a token. */
export class AuthError extends Error {
  override readonly name = "AuthError";
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** True when the client may be guessing tokens. */
  get guess(): boolean {
    return GUESSES.has(this.code);
  }

  /** The HTTP status of the refusal. */
  get status(): number {
    return REFUSALS[this.code];
  }
}
