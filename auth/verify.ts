/** Verifies one token with one key. */
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from "jose";
import { type About, parseClaims } from "./claims.ts";
import { AuthError } from "./error.ts";
import { parseJson } from "./json.ts";
import { ALGORITHMS, type Algorithm, type Key } from "./keys/index.ts";
import { Granted } from "./powers.ts";

/** Bytes of a token: it comes in a URL or a header field, for which 8 KiB is what servers and proxies take. */
export const MAX_TOKEN_BYTES = 8192;

export interface TokenRules {
  /** Accepted `iss` and `aud`; empty for any, and for none. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  /** Milliseconds that an issuer's clock may be ahead of ours, for `nbf` and `iat`. `exp` is exact. */
  readonly skewMs: number;
}

/** What a token's header says before anything is verified. Throws {@link AuthError}. */
export function readHeader(token: string): { readonly kid: string | undefined; readonly alg: Algorithm } {
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) {
    throw new AuthError("token_too_large", `the token is longer than ${MAX_TOKEN_BYTES} bytes`);
  }
  let header: { alg?: unknown; kid?: unknown };
  try {
    header = decodeProtectedHeader(token);
    partOf(token, 0);
  } catch {
    throw new AuthError("token_malformed", "the token is not a JSON web token");
  }
  const { kid } = header;
  const alg = ALGORITHMS.find((one) => one === header.alg);
  if (alg === undefined) throw new AuthError("alg_refused", "the token's `alg` is none that this relay takes");
  if (token.split(".").length !== 3) throw new AuthError("token_malformed", "the token is not a signed one");
  if (kid !== undefined && (typeof kid !== "string" || kid === "" || kid.length > 256)) {
    throw new AuthError("token_malformed", "the token's `kid` cannot be used");
  }
  return { kid, alg };
}

/** Header and claims as they stand in a token, unchecked; nothing when it is none. */
export function readClaims(token: string): { readonly header: unknown; readonly claims: unknown } | undefined {
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) return undefined;
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

/** A token whose signature, times and scope hold. */
export interface Verified {
  readonly granted: Granted;
  readonly about: About;
}

/** What a token that `key` signed grants at `now` (milliseconds since 1970). Throws {@link AuthError}. */
export async function verifyToken(token: string, key: Key, rules: TokenRules, now: number): Promise<Verified> {
  const { alg } = readHeader(token);
  if (!key.algs.includes(alg)) {
    throw new AuthError("alg_refused", "the token's `alg` is not the one that its key is for");
  }
  const { asked, about } = parseClaims(await signedPayload(token, key, alg, rules, now));
  if (about.exp !== undefined && about.exp * 1000 <= now) throw new AuthError("token_expired", "the token has expired");
  if (about.iat !== undefined && about.iat * 1000 > now + rules.skewMs) {
    throw new AuthError("token_not_yet_valid", "the token was issued in the future: compare the clocks");
  }
  return { granted: Granted.within(key.scope, asked), about };
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

/** A part of a token. Throws a `SyntaxError` where an object in it has a name twice (RFC 7515 section 4, RFC 7519 section 4). */
function partOf(token: string, index: 0 | 1): unknown {
  return parseJson(Buffer.from(token.split(".")[index] ?? "", "base64url").toString());
}

function refusalOf(error: unknown): AuthError {
  if (error instanceof errors.JWTExpired) return new AuthError("token_expired", "the token has expired");
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new AuthError("signature_invalid", "the token's signature is not of its key");
  }
  if (error instanceof errors.JOSEAlgNotAllowed)
    return new AuthError("alg_refused", "the token's `alg` is not allowed");
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusal(error.claim, error.reason);
  if (error instanceof SyntaxError) return new AuthError("claims_invalid", "a claim stands in the token twice");
  return new AuthError("token_malformed", "the token is not one that can be verified");
}

function claimRefusal(claim: string, reason: string): AuthError {
  if (claim === "iss") return new AuthError("issuer_mismatch", "the token's `iss` is none that this relay trusts");
  if (claim === "aud") return new AuthError("audience_mismatch", "the token's `aud` does not name this relay");
  if (claim === "nbf" && reason === "check_failed") {
    return new AuthError("token_not_yet_valid", "the token is not valid yet");
  }
  return new AuthError("claims_invalid", `the token's \`${claim}\` cannot be used`);
}
