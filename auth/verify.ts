/** Verifies one token with one key. */
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from "jose";
import { type About, parseClaims } from "./claims.ts";
import { AuthError } from "./error.ts";
import { parseJson } from "./json.ts";
import { ALGORITHMS, type Algorithm, type Key } from "./keys/index.ts";
import { Granted } from "./powers.ts";

/** Longest token, in bytes: servers and proxies accept 8 KiB in a URL or a header field. */
export const MAX_TOKEN_BYTES = 8192;

export interface TokenRules {
  /** Accepted `iss` and `aud`. An empty list accepts any value and a missing claim. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  /** Milliseconds by which an issuer's clock may be ahead of ours, for `nbf` and `iat`. `exp` is exact. */
  readonly skewMs: number;
  /** Longest life of a token in milliseconds, from `iat` where it has one, else from now. 0 is no bound: it may lack `exp`. */
  readonly maxLifeMs: number;
}

/** Reads a token's header before anything is verified. Throws {@link AuthError}. */
export function readHeader(token: string): { readonly kid: string | undefined; readonly alg: Algorithm } {
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) {
    throw new AuthError("token_too_large", `the token is longer than ${MAX_TOKEN_BYTES} bytes`);
  }
  let header: { alg?: unknown; kid?: unknown };
  try {
    header = decodeProtectedHeader(token);
    partOf(token, 0);
  } catch {
    throw new AuthError("token_malformed", "the token is not a JSON Web Token");
  }
  const { kid } = header;
  const alg = ALGORITHMS.find((one) => one === header.alg);
  if (alg === undefined) throw new AuthError("alg_refused", "this relay does not accept the token's `alg`");
  if (token.split(".").length !== 3) throw new AuthError("token_malformed", "the token is not signed");
  if (kid !== undefined && (typeof kid !== "string" || kid === "" || kid.length > 256)) {
    throw new AuthError("token_malformed", "the token's `kid` is not a text of 1 to 256 characters");
  }
  return { kid, alg };
}

/** Header and claims of a token, unverified; undefined when it is not a token. */
export function readClaims(token: string): { readonly header: unknown; readonly claims: unknown } | undefined {
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) return undefined;
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

/** A token whose signature, times and scope were verified. */
export interface Verified {
  readonly granted: Granted;
  readonly about: About;
}

/** What a token that `key` signed grants at `now` (milliseconds since 1970). Throws {@link AuthError}. */
export async function verifyToken(token: string, key: Key, rules: TokenRules, now: number): Promise<Verified> {
  const { alg } = readHeader(token);
  if (!key.algs.includes(alg)) {
    throw new AuthError("alg_refused", "the token's `alg` does not match its key");
  }
  const { asked, about } = parseClaims(await signedPayload(token, key, alg, rules, now));
  if (about.exp !== undefined && about.exp * 1000 <= now) throw new AuthError("token_expired", "the token has expired");
  if (about.iat !== undefined && about.iat * 1000 > now + rules.skewMs) {
    throw new AuthError(
      "token_not_yet_valid",
      "the token was issued in the future; compare the clocks of the issuer and this relay",
    );
  }
  checkLife(about, rules, now);
  return { granted: Granted.within(key.scope, asked), about };
}

/** Throws {@link AuthError} `life_too_long`. The issuer's clock may be ahead, so the clock skew is added to the bound. */
function checkLife({ exp, iat }: About, { maxLifeMs, skewMs }: TokenRules, now: number): void {
  if (maxLifeMs === 0) return;
  const from = iat === undefined ? now : Math.min(iat * 1000, now);
  if (exp !== undefined && exp * 1000 - from <= maxLifeMs + skewMs) return;
  const most = `at most ${maxLifeMs / 1000} s`;
  throw new AuthError(
    "life_too_long",
    exp === undefined
      ? `the token has no \`exp\`: at this relay a token lives ${most}`
      : `the token lives too long: ${most} from \`iat\` (or now) to \`exp\``,
  );
}

async function signedPayload(
  token: string,
  key: Key,
  alg: Algorithm,
  rules: TokenRules,
  now: number,
): Promise<unknown> {
  const { issuers, audiences, skewMs } = rules;
  try {
    const { payload } = await jwtVerify(token, await key.verifier(alg), {
      algorithms: [alg],
      currentDate: new Date(now),
      clockTolerance: skewMs / 1000,
      ...(issuers.length > 0 && { issuer: [...issuers] }),
      ...(audiences.length > 0 && { audience: [...audiences] }),
    });
    partOf(token, 1);
    return payload;
  } catch (error) {
    throw refusalOf(error);
  }
}

/** Parses a part of a token. Throws a `SyntaxError` when an object has the same name twice (RFC 7515 section 4, RFC 7519 section 4). */
function partOf(token: string, index: 0 | 1): unknown {
  return parseJson(Buffer.from(token.split(".")[index] ?? "", "base64url").toString());
}

function refusalOf(error: unknown): AuthError {
  if (error instanceof errors.JWTExpired) return new AuthError("token_expired", "the token has expired");
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new AuthError(
      "signature_invalid",
      "the token's signature is wrong: another key signed it, or it was changed",
    );
  }
  if (error instanceof errors.JOSEAlgNotAllowed)
    return new AuthError("alg_refused", "the token's `alg` is not allowed");
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusal(error.claim, error.reason);
  if (error instanceof SyntaxError) return new AuthError("claims_invalid", "the token has the same claim twice");
  return new AuthError("token_malformed", "the token cannot be verified: it is malformed");
}

function claimRefusal(claim: string, reason: string): AuthError {
  if (claim === "iss") return new AuthError("issuer_mismatch", "this relay does not trust the token's `iss`");
  if (claim === "aud") return new AuthError("audience_mismatch", "the token's `aud` does not name this relay");
  if (claim === "nbf" && reason === "check_failed") {
    return new AuthError("token_not_yet_valid", "the token is not valid yet");
  }
  return new AuthError("claims_invalid", `the token's \`${claim}\` is invalid`);
}
