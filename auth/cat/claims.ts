/** The claims of a Common Access Token (CTA-5007-B) as a CBOR Web Token (RFC 8392). */
import { type About, aboutOf } from "../claims.ts";
import { AuthError } from "../error.ts";
import type { Powers } from "../powers.ts";
import { readCbor } from "./cbor.ts";
import { type CborMap, mapOf } from "./cose.ts";
import { type MoqtAction, MoqtScopes } from "./scopes.ts";

/** Keys of the IANA registry "CBOR Web Token (CWT) Claims", and those that the vectors of draft-ietf-moq-c4m-01 have. */
export const CLAIM = {
  iss: 1,
  sub: 2,
  aud: 3,
  exp: 4,
  nbf: 5,
  iat: 6,
  cti: 7,
  cnf: 8,
  catreplay: 308,
  catv: 310,
  catdpop: 321,
  moqt: 327,
  "moqt-reval": 328,
} as const;

/** Claims of CTA-5007 that restrict a token in ways that this relay does not check. A token with one is refused. */
const UNCHECKED: ReadonlyMap<unknown, string> = new Map([
  [282, "geohash"],
  [309, "catpor"],
  [311, "catnip"],
  [312, "catu"],
  [313, "catm"],
  [314, "catalpn"],
  [315, "cath"],
  [316, "catgeoiso3166"],
  [317, "catgeocoord"],
  [318, "catgeoalt"],
  [319, "cattpk"],
]);

/** The versions of CTA-5007: its text has the number, the vectors of the draft have the text. */
const VERSIONS: ReadonlySet<unknown> = new Set([1, "CAT-v1"]);

/** Shortest interval in seconds for which a token may ask: the relay reads files of keys three times a second. */
const MIN_REVALIDATION_S = 1;

/** Confirmation methods of `cnf`: a JWK thumbprint is 3 in draft-ietf-moq-c4m-01 and 323 in the draft of generic proofs; RFC 9679. */
const JWK_THUMBPRINTS = [3, 323];
const COSE_THUMBPRINT = 5;
const THUMBPRINT_BYTES = 32;

/** Keys of `catdpop`. */
const DPOP_WINDOW = 0;
const DPOP_JTI = 1;
/** Longest window in seconds: the relay remembers proofs for as long. */
const MAX_WINDOW_S = 3_600;

/** The key that a client must prove to have. */
export interface Confirmation {
  readonly method: "jkt" | "ckt";
  /** SHA-256 of the key. */
  readonly thumbprint: Uint8Array;
  /** Milliseconds for which a proof is fresh; undefined where the token does not say. */
  readonly windowMs: number | undefined;
  /** A proof counts once. */
  readonly once: boolean;
}

/** What a Common Access Token has beyond paths. */
export interface CatTerms {
  readonly scopes: MoqtScopes;
  readonly confirmation: Confirmation | undefined;
  /** It must hold for as long as what it permits goes on. */
  readonly revalidates: boolean;
}

/** What needs a namespace under which the client may publish, or watch. */
const PUBLISHING: readonly MoqtAction[] = ["publish_namespace", "publish"];
const WATCHING: readonly MoqtAction[] = ["subscribe_namespace", "subscribe", "fetch", "track_status"];

/** The claims about a token. Throws {@link AuthError} `claims_invalid`. */
export function readCatAbout(payload: Uint8Array): About {
  return aboutOf(namedClaims(claimsOf(payload)));
}

/** What a token permits. Throws {@link AuthError} `claims_invalid`, `claim_unsupported`. */
export function readCatClaims(payload: Uint8Array): { asked: Powers; terms: CatTerms } {
  const claims = claimsOf(payload);
  for (const [key, name] of UNCHECKED) {
    if (!claims.has(key)) continue;
    throw new AuthError("claim_unsupported", `the token is restricted by \`${name}\`, which this relay cannot check`);
  }
  const [version, replay] = [claims.get(CLAIM.catv), claims.get(CLAIM.catreplay)];
  if (version !== undefined && !VERSIONS.has(version)) throw invalid("catv", "not a version that this relay knows");
  if (replay !== undefined && replay !== 0) {
    throw new AuthError(
      "claim_unsupported",
      "the token forbids its reuse by `catreplay`, which this relay cannot check",
    );
  }
  // A token without the claim is valid, and permits nothing.
  const scopes = claims.has(CLAIM.moqt) ? MoqtScopes.read(claims.get(CLAIM.moqt)) : new MoqtScopes([]);
  const terms = { scopes, confirmation: confirmationOf(claims), revalidates: revalidates(claims) };
  const asked = { root: "", put: scopes.prefixes(PUBLISHING), get: scopes.prefixes(WATCHING), cluster: false };
  return { asked, terms };
}

/** The claims about a token by their names in JWTs, not verified. */
export function namedClaims(claims: CborMap): Record<string, unknown> {
  const get = (name: "iss" | "sub" | "aud" | "exp" | "nbf" | "iat") => claims.get(CLAIM[name]);
  const names = ["iss", "sub", "aud", "exp", "nbf", "iat"] as const;
  const present = names.flatMap((name) => (get(name) === undefined ? [] : [[name, get(name)] as const]));
  const id = claims.get(CLAIM.cti);
  return { ...Object.fromEntries(present), ...(id !== undefined && { jti: idText(id) }) };
}

/** A map whose keys are all different. Throws {@link AuthError} `claims_invalid`. */
export function claimsOf(payload: Uint8Array): CborMap {
  try {
    return mapOf(readCbor(payload));
  } catch {
    throw new AuthError("claims_invalid", "the token's claims are not a CBOR map with each claim once");
  }
}

/** The id of a token as text, for the log and for revocation: in hexadecimal where it is no printable text. */
export function idText(id: unknown): unknown {
  if (!(id instanceof Uint8Array)) return id;
  const text = Buffer.from(id).toString();
  return /^[\x21-\x7e]+$/.test(text) ? text : Buffer.from(id).toString("hex");
}

function revalidates(claims: CborMap): boolean {
  const interval = claims.get(CLAIM["moqt-reval"]) ?? 0;
  if (typeof interval !== "number" || interval < 0) throw invalid("moqt-reval", "not a number of seconds");
  if (interval > 0 && interval < MIN_REVALIDATION_S) {
    throw invalid("moqt-reval", `this relay revalidates tokens at intervals of at least ${MIN_REVALIDATION_S} s`);
  }
  return interval > 0;
}

function confirmationOf(claims: CborMap): Confirmation | undefined {
  const cnf = claims.get(CLAIM.cnf);
  const settings = claims.get(CLAIM.catdpop);
  if (cnf === undefined) {
    if (settings === undefined) return undefined;
    throw invalid("catdpop", "the token has no `cnf`");
  }
  if (!(cnf instanceof Map) || cnf.size !== 1) throw invalid("cnf", "not a map with one confirmation method");
  const [method] = cnf.keys();
  const thumbprint: unknown = cnf.get(method);
  const jkt = JWK_THUMBPRINTS.some((one) => one === method);
  if (!jkt && method !== COSE_THUMBPRINT) throw invalid("cnf", "not a thumbprint of a JWK or of a COSE key");
  if (!(thumbprint instanceof Uint8Array) || thumbprint.length !== THUMBPRINT_BYTES) {
    throw invalid("cnf", `a thumbprint has ${THUMBPRINT_BYTES} bytes`);
  }
  return { method: jkt ? "jkt" : "ckt", thumbprint, ...dpopSettings(settings) };
}

function dpopSettings(value: unknown): Pick<Confirmation, "windowMs" | "once"> {
  if (value === undefined) return { windowMs: undefined, once: true };
  if (!(value instanceof Map)) throw invalid("catdpop", "not a map");
  const settings: CborMap = value;
  for (const key of settings.keys()) {
    if (key !== DPOP_WINDOW && key !== DPOP_JTI) throw invalid("catdpop", "a setting that this relay does not know");
  }
  const [window, jti = 1] = [settings.get(DPOP_WINDOW), settings.get(DPOP_JTI)];
  if (window !== undefined && (typeof window !== "number" || window <= 0 || window > MAX_WINDOW_S)) {
    throw invalid("catdpop", `its window is not a number of seconds up to ${MAX_WINDOW_S}`);
  }
  if (jti !== 0 && jti !== 1) throw invalid("catdpop", "its setting for `jti` is neither 0 nor 1");
  return { windowMs: typeof window === "number" ? window * 1000 : undefined, once: jti === 1 };
}

function invalid(claim: string, why: string): AuthError {
  return new AuthError("claims_invalid", `the token's \`${claim}\` is invalid: ${why}`);
}
