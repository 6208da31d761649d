/** The payload of a token, compatible with `@moq/token` and `moq-token-cli`. */
import * as z from "zod";
import { AuthError } from "./error.ts";
import { join, normalise, seenFrom, under } from "./paths.ts";
import { MAX_PREFIXES, type Powers, powersShape } from "./powers.ts";

/** Longest `jti`, `sub` and the like, in characters: a relay keeps them for each session and writes them to the log. */
const MAX_NAME_LENGTH = 256;
/** Seconds since 1970 at the end of year 9999, the last year of ISO 8601 dates. */
const MAX_SECONDS = 253_402_300_799;

const name = z.string().min(1).max(MAX_NAME_LENGTH);
const seconds = z.number().min(0).max(MAX_SECONDS);

/** RFC 7519 section 4.1: claims about a token. None of them grants anything. */
type RegisteredClaim = "exp" | "nbf" | "iat" | "jti" | "sub" | "iss" | "aud";

/** Claims that grant something are in `powersShape`, never here. */
const aboutShape = {
  exp: seconds.optional(),
  nbf: seconds.optional(),
  iat: seconds.optional(),
  jti: name.optional(),
  sub: name.optional(),
  iss: name.optional(),
  aud: z.union([name, z.array(name).max(MAX_PREFIXES)]).optional(),
} satisfies Record<RegisteredClaim, z.ZodType>;

const powersSchema = z
  .object(powersShape)
  .refine(
    ({ put, get, cluster, admin }) => cluster || admin !== undefined || put.length + get.length > 0,
    "neither `put` nor `get` grants anything",
  );
const aboutSchema = z.object(aboutShape);

/** Times are seconds since 1970. */
export type About = z.output<typeof aboutSchema>;
export type ClaimsInput = z.input<typeof powersSchema> & z.input<typeof aboutSchema>;

/** A payload in two halves: the powers that it asks for, which only `Granted.within` grants, and the claims about the token. */
export interface Claims {
  readonly asked: Powers;
  readonly about: About;
}

/** Checks the form of a payload and drops unknown claims. Throws {@link AuthError} `claims_invalid`. */
export function parseClaims(payload: unknown): Claims {
  return { asked: half(powersSchema, payload), about: aboutOf(payload) };
}

/** The half about the token. Throws {@link AuthError} `claims_invalid`. */
export function aboutOf(payload: unknown): About {
  return half(aboutSchema, payload);
}

function half<T>(schema: z.ZodType<T>, payload: unknown): T {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "" : `\`${String(issue.path[0])}\`: `;
  throw new AuthError("claims_invalid", `the token's claims are invalid: ${where}${issue?.message ?? "not an object"}`);
}

/** Prefixes that may be published and watched. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/**
 * The paths that `powers` cover for a client at `at` (the path of its URL), relative to it. The path may be below the token's
 * root, which narrows the grants, or above it. Throws {@link AuthError} `path_unrelated` or `path_not_granted`.
 */
export function authorize(
  powers: Pick<Powers, "root"> & { put: readonly string[]; get: readonly string[] },
  at: string,
): Permissions {
  const root = normalise(powers.root);
  const target = normalise(at);
  if (under(root, target) === undefined && under(target, root) === undefined) {
    throw new AuthError("path_unrelated", "the token's `root` and the path of the URL have nothing in common");
  }
  const scope = (list: readonly string[]) =>
    rebase(
      list.map((one) => join(root, normalise(one))),
      target,
    );
  const permissions = { publish: scope(powers.put), subscribe: scope(powers.get) };
  if (permissions.publish.length + permissions.subscribe.length === 0) {
    throw new AuthError("path_not_granted", "nothing that the token grants is under the path of the URL");
  }
  return permissions;
}

/** Makes absolute prefixes relative to `at`; prefixes outside `at` are dropped. */
export function rebase(prefixes: readonly string[], at: string): string[] {
  return [...new Set(prefixes.flatMap((prefix) => seenFrom(at, normalise(prefix)) ?? []))];
}
