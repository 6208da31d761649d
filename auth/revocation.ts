/** One revocation: a token by its `jti`, all tokens of a key by `kid`, all tokens of a subject by `sub`. */
import * as z from "zod";

/** Most entries, of about 100 bytes each. An operator who needs more should replace the key instead. */
export const MAX_REVOCATIONS = 100_000;

export const REVOKED_BY = ["jti", "kid", "sub"] as const;
export type RevokedBy = (typeof REVOKED_BY)[number];

const value = z.string().min(1).max(256);
const until = z.number().min(0).optional().describe("When the revocation ends, in seconds since 1970.");

/** One entry: exactly one of `jti`, `kid`, `sub`; with `until` (seconds since 1970), the entry expires then. */
export const revocationSchema = z.union([
  z.strictObject({ jti: value.describe("Id of one token."), until }),
  z.strictObject({ kid: value.describe("Id of the key that signed the tokens."), until }),
  z.strictObject({ sub: value.describe("Subject of the tokens."), until }),
]);
export type Revocation = z.output<typeof revocationSchema>;

/** The names by which a token can be revoked; `kid` is of the key that verified it. */
export interface Revocable {
  readonly jti: string | undefined;
  readonly kid: string | undefined;
  readonly sub: string | undefined;
}

/** What an entry names, as `jti:…`, `kid:…` or `sub:…`, and when it expires, in seconds since 1970. */
export function keyOf(entry: Revocation): [key: string, end: number] {
  const [by, name] = "jti" in entry ? ["jti", entry.jti] : "kid" in entry ? ["kid", entry.kid] : ["sub", entry.sub];
  return [`${by}:${name}`, entry.until ?? Number.POSITIVE_INFINITY];
}

/** The entry of what {@link keyOf} returns. */
export function entryOf(key: string, end: number): Revocation {
  const name = key.slice(4);
  const more = Number.isFinite(end) ? { until: end } : {};
  if (key.startsWith("jti:")) return { jti: name, ...more };
  return key.startsWith("kid:") ? { kid: name, ...more } : { sub: name, ...more };
}
