/** What a token can grant, and the one way to it: {@link Granted.within}. */
import { z } from "zod";
import { AuthError } from "./error.ts";
import { isSuspect, join, normalise, under } from "./paths.ts";

/** Prefixes of one claim: each is compared at every announcement, so the list stays short. */
export const MAX_PREFIXES = 256;
/** Characters of one prefix: as long as paths are by default. */
const MAX_PREFIX_LENGTH = 1024;

const path = z
  .string()
  .max(MAX_PREFIX_LENGTH)
  .refine((value) => !isSuspect(value), "a path has no `.` or `..` segment and no control character");
const prefixes = z
  .union([path, z.array(path).max(MAX_PREFIXES)])
  .optional()
  .transform((value) => (value === undefined ? [] : typeof value === "string" ? [value] : value));

/** The claims that grant something. A token and the scope of a key share them, so neither can name a power that the other lacks. */
export const powersShape = {
  /** The path that `put` and `get` are under. */
  root: path.default(""),
  put: prefixes,
  get: prefixes,
  cluster: z.boolean().default(false),
};
export type Powers = z.output<z.ZodObject<typeof powersShape>>;
type Power = Exclude<keyof Powers, "root">;

/** For each power: is what was asked for within what may be granted? A new power does not compile until it has a rule here. */
const WITHIN: { readonly [P in Power]: (most: Powers, asked: Powers) => boolean } = {
  put: (most, asked) => coversPaths(most.root, most.put, asked.root, asked.put),
  get: (most, asked) => coversPaths(most.root, most.get, asked.root, asked.get),
  cluster: (most, asked) => most.cluster || !asked.cluster,
};

/** The most that a key may grant; part of its JWK. A member that is not known here may be a restriction, so it is refused. */
export const keyScopeSchema = z
  .strictObject(powersShape)
  .refine(({ put, get, cluster }) => cluster || put.length + get.length > 0, "a scope has `put`, `get` or `cluster`");
export type KeyScope = z.output<typeof keyScopeSchema>;

/** The first power of `asked` that `scope` does not cover, by the claim's name; a power without a rule is never covered. */
export function beyondScope(scope: KeyScope, asked: Powers): string | undefined {
  const rules = new Map<string, (most: Powers, asked: Powers) => boolean>(Object.entries(WITHIN));
  return Object.keys(asked).find((power) => power !== "root" && rules.get(power)?.(scope, asked) !== true);
}

/** Powers that were granted. Only {@link Granted.within} makes one, so the scope of the key has been applied to each that exists. */
export class Granted {
  readonly #powers: Powers;

  private constructor(powers: Powers) {
    this.#powers = powers;
  }

  /** All of `asked`. Throws {@link AuthError} `key_scope_exceeded` when the scope of the key does not cover it; no scope covers everything. */
  static within(scope: KeyScope | undefined, asked: Powers): Granted {
    const beyond = scope === undefined ? undefined : beyondScope(scope, asked);
    if (beyond === undefined) return new Granted(asked);
    throw new AuthError("key_scope_exceeded", `the token's \`${beyond}\` is more than the scope of its key covers`);
  }

  get root(): string {
    return this.#powers.root;
  }

  get put(): readonly string[] {
    return this.#powers.put;
  }

  get get(): readonly string[] {
    return this.#powers.get;
  }

  /** It is a relay of the mesh: it may do everything. */
  get cluster(): boolean {
    return this.#powers.cluster;
  }
}

function coversPaths(mostRoot: string, most: readonly string[], root: string, asked: readonly string[]): boolean {
  const base = normalise(mostRoot);
  return asked.every((one) => {
    const wanted = join(normalise(root), normalise(one));
    return most.some((grant) => under(join(base, normalise(grant)), wanted) !== undefined);
  });
}
