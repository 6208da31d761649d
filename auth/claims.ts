/** The payload of a token, compatible with `@moq/token` and `moq-token-cli`. */
import { z } from "zod";
import { AuthError } from "./error.ts";
import { isSuspect, join, normalise, seenFrom, under } from "./paths.ts";

/** Prefixes of one claim: each is compared at every announcement, so the list stays short. */
export const MAX_PREFIXES = 256;
/** Characters of one prefix: as long as paths are by default. */
const MAX_PREFIX_LENGTH = 1024;
/** Characters of `jti`, `sub` and the like: they are kept per session and written to the log. */
const MAX_NAME_LENGTH = 256;
/** Seconds since 1970 at the end of year 9999, the last that dates are written for. */
const MAX_SECONDS = 253_402_300_799;

const path = z
  .string()
  .max(MAX_PREFIX_LENGTH)
  .refine((value) => !isSuspect(value), "a path has no `.` or `..` segment and no control character");
const prefixes = z
  .union([path, z.array(path).max(MAX_PREFIXES)])
  .optional()
  .transform((value) => (value === undefined ? [] : typeof value === "string" ? [value] : value));
const name = z.string().min(1).max(MAX_NAME_LENGTH);
const seconds = z.number().min(0).max(MAX_SECONDS);

const scopeSchema = z
  .object({ root: path.default(""), put: prefixes, get: prefixes })
  .refine(({ put, get }) => put.length + get.length > 0, "a scope has `put` or `get`");

/** The most that a key may grant; part of its JWK. */
export const keyScopeSchema = scopeSchema;
export type KeyScope = z.output<typeof scopeSchema>;

const claimsSchema = z
  .object({
    root: path.default(""),
    put: prefixes,
    get: prefixes,
    cluster: z.boolean().default(false),
    exp: seconds.optional(),
    nbf: seconds.optional(),
    iat: seconds.optional(),
    jti: name.optional(),
    sub: name.optional(),
    iss: name.optional(),
    aud: z.union([name, z.array(name).max(MAX_PREFIXES)]).optional(),
  })
  .refine(({ put, get, cluster }) => cluster || put.length + get.length > 0, "neither `put` nor `get` grants anything");

/** Claims with `put` and `get` as lists; times are seconds since 1970. */
export type Claims = z.output<typeof claimsSchema>;
export type ClaimsInput = z.input<typeof claimsSchema>;

/** Checks the shape of a payload. Throws {@link AuthError} `claims_invalid`. */
export function parseClaims(payload: unknown): Claims {
  const parsed = claimsSchema.safeParse(payload);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "" : `\`${String(issue.path[0])}\`: `;
  throw new AuthError("claims_invalid", `the token's claims cannot be used: ${where}${issue?.message ?? "no object"}`);
}

/** Prefixes that may be published and watched. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/**
 * What `claims` grant to a client at `at` (the path of its URL), relative to it. The path may reach past the token's
 * root, which narrows the grants, or stop short of it. Throws {@link AuthError} `path_unrelated` or `path_not_granted`.
 */
export function authorize(claims: Pick<Claims, "root" | "put" | "get">, at: string): Permissions {
  const root = normalise(claims.root);
  const target = normalise(at);
  if (under(root, target) === undefined && under(target, root) === undefined) {
    throw new AuthError("path_unrelated", "the token's `root` and the path of the URL have nothing in common");
  }
  const scope = (list: readonly string[]) =>
    rebase(
      list.map((one) => join(root, normalise(one))),
      target,
    );
  const permissions = { publish: scope(claims.put), subscribe: scope(claims.get) };
  if (permissions.publish.length + permissions.subscribe.length === 0) {
    throw new AuthError("path_not_granted", "nothing that the token grants is under the path of the URL");
  }
  return permissions;
}

/** Absolute prefixes as seen from `at`; those that lie elsewhere are left out. */
export function rebase(prefixes: readonly string[], at: string): string[] {
  return [...new Set(prefixes.flatMap((prefix) => seenFrom(at, normalise(prefix)) ?? []))];
}

/** True when everything that `claims` grant is within the scope of the key. */
export function withinScope(scope: KeyScope, claims: Pick<Claims, "root" | "put" | "get">): boolean {
  const covers = (granted: readonly string[], asked: readonly string[]) =>
    asked.every((one) => {
      const wanted = join(normalise(claims.root), normalise(one));
      return granted.some((grant) => under(join(normalise(scope.root), normalise(grant)), wanted) !== undefined);
    });
  return covers(scope.put, claims.put) && covers(scope.get, claims.get);
}
