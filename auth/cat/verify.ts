/** Verifies a Common Access Token with one key. */

import type { About } from "../claims.ts";
import type { Algorithm, Key } from "../keys/index.ts";
import { Granted } from "../powers.ts";
import { checkAbout, type TokenRules } from "../rules.ts";
import { type CatTerms, claimsOf, readCatAbout, readCatClaims } from "./claims.ts";
import { algorithmOf, keyIdOf, readSigned, verifySigned } from "./cose.ts";
import { jsonOf } from "./json.ts";

/** The header of a token, unverified. Throws {@link AuthError}. */
export function readCatHeader(token: string): { readonly kid: string | undefined; readonly alg: Algorithm } {
  const signed = readSigned(token);
  return { alg: algorithmOf(signed), kid: keyIdOf(signed) };
}

/** Header and claims of a token, unverified, with names for what is known. Throws {@link AuthError}. */
export function readCatParts(token: string): { readonly header: unknown; readonly claims: unknown } {
  const { header, payload } = readSigned(token);
  return jsonOf(header, claimsOf(payload));
}

interface VerifiedCat {
  readonly granted: Granted;
  readonly about: About;
  readonly terms: CatTerms;
}

/** What a token that `key` signed grants at `now` (milliseconds since 1970). Throws `AuthError`. */
export async function verifyCat(token: string, key: Key, rules: TokenRules, now: number): Promise<VerifiedCat> {
  const signed = readSigned(token);
  await verifySigned(signed, key);
  const about = readCatAbout(signed.payload);
  checkAbout(about, rules, now);
  const { asked, terms } = readCatClaims(signed.payload);
  return { granted: Granted.within(key.scope, asked), about, terms };
}
