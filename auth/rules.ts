/** What every token must satisfy, whatever its format. */
import type { About } from "./claims.ts";
import { AuthError } from "./error.ts";

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

/** Throws {@link AuthError} when the claims about a token break the rules at `now` (milliseconds since 1970). */
export function checkAbout(about: About, rules: TokenRules, now: number): void {
  if (!hasIssuer(about, rules)) {
    throw new AuthError("issuer_mismatch", "this relay does not trust the token's `iss`");
  }
  if (!hasAudience(about, rules)) {
    throw new AuthError("audience_mismatch", "the token's `aud` does not name this relay");
  }
  if (about.nbf !== undefined && about.nbf * 1000 > now + rules.skewMs) {
    throw new AuthError("token_not_yet_valid", "the token is not valid yet");
  }
  checkTimes(about, rules, now);
}

/** Checks `exp` and `iat`. Throws {@link AuthError} `token_expired`, `token_not_yet_valid`, `life_too_long`. */
export function checkTimes(about: About, rules: TokenRules, now: number): void {
  if (about.exp !== undefined && about.exp * 1000 <= now) throw new AuthError("token_expired", "the token has expired");
  if (about.iat !== undefined && about.iat * 1000 > now + rules.skewMs) {
    throw new AuthError(
      "token_not_yet_valid",
      "the token was issued in the future; compare the clocks of the issuer and this relay",
    );
  }
  checkLife(about, rules, now);
}

/** The issuers and audiences of the rules accept the token. */
export function isAccepted(about: About, rules: Pick<TokenRules, "issuers" | "audiences">): boolean {
  return hasIssuer(about, rules) && hasAudience(about, rules);
}

function hasIssuer({ iss }: About, { issuers }: Pick<TokenRules, "issuers">): boolean {
  return issuers.length === 0 || (iss !== undefined && issuers.includes(iss));
}

function hasAudience({ aud = [] }: About, { audiences }: Pick<TokenRules, "audiences">): boolean {
  return audiences.length === 0 || [aud].flat().some((one) => audiences.includes(one));
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
