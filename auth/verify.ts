/** Verifies one token with one key: a JSON Web Token or a Common Access Token. */
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from "jose";
import { type CatTerms, isCborText, readCatHeader, readCatParts, verifyCat } from "./cat/index.ts";
import { type About, parseClaims } from "./claims.ts";
import { AuthError } from "./error.ts";
import { parseJson } from "./json.ts";
import { ALGORITHMS, type Algorithm, type Key, MAX_KEY_ID } from "./keys/index.ts";
import { Granted } from "./powers.ts";
import { checkTimes, MAX_TOKEN_BYTES, type TokenRules } from "./rules.ts";

/** Reads a token's header before anything is verified. Throws {@link AuthError}. */
export function readHeader(token: string): { readonly kid: string | undefined; readonly alg: Algorithm } {
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) {
    throw new AuthError("token_too_large", `the token is longer than ${MAX_TOKEN_BYTES} bytes`);
  }
  if (isCborText(token)) return readCatHeader(token);
  let header: { alg?: unknown; kid?: unknown };
  try {
    header = decodeProtectedHeader(token);
    partOf(token, 0);
  } catch {
    throw new AuthError("token_malformed", "the token is neither a JSON Web Token nor a Common Access Token");
  }
  const { kid } = header;
  const alg = ALGORITHMS.find((one) => one === header.alg);
  if (alg === undefined) throw new AuthError("alg_refused", "this relay does not accept the token's `alg`");
  if (token.split(".").length !== 3) throw new AuthError("token_malformed", "the token is not signed");
  if (kid !== undefined && (typeof kid !== "string" || kid === "" || kid.length > MAX_KEY_ID)) {
    throw new AuthError("token_malformed", `the token's \`kid\` is not a text of 1 to ${MAX_KEY_ID} characters`);
  }
  return { kid, alg };
}

/** Header and claims of a token, unverified; undefined when it is not a token. */
export function readClaims(token: string): { readonly header: unknown; readonly claims: unknown } | undefined {
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) return undefined;
  try {
    if (isCborText(token)) return readCatParts(token);
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

/** A token whose signature, times and scope were verified. */
export interface Verified {
  readonly granted: Granted;
  readonly about: About;
  /** Of a Common Access Token. */
  readonly terms?: CatTerms;
}

/** What a token that `key` signed grants at `now` (milliseconds since 1970). Throws {@link AuthError}. */
export async function verifyToken(token: string, key: Key, rules: TokenRules, now: number): Promise<Verified> {
  if (isCborText(token)) return await verifyCat(token, key, rules, now);
  const { alg } = readHeader(token);
  if (!key.algs.includes(alg)) {
    throw new AuthError("alg_refused", "the token's `alg` does not match its key");
  }
  const { asked, about } = parseClaims(await signedPayload(token, key, alg, rules, now));
  checkTimes(about, rules, now);
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
