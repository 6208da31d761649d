/** The powers that a token can grant. Only {@link Granted.within} grants them. */
import * as z from "zod";
import { AuthError } from "./error.ts";
import { isSuspect, join, normalise, under } from "./paths.ts";

/** Most prefixes of one claim: each announcement is compared with each of them. */
export const MAX_PREFIXES = 256;
/** Longest prefix, in characters: the default bound of paths. */
const MAX_PREFIX_LENGTH = 1024;

const path = z
  .string()
  .max(MAX_PREFIX_LENGTH)
  .refine((value) => !isSuspect(value), "a path may have no `.` or `..` segment and no control character");
const prefixes = z
  .union([path, z.array(path).max(MAX_PREFIXES)])
  .optional()
  .transform((value) => (value === undefined ? [] : typeof value === "string" ? [value] : value));

/** The claims that grant something. A token and the scope of a key share this shape, so both know the same powers. */
export const powersShape = {
  /** The path that `put` and `get` are under. */
  root: path.default(""),
  put: prefixes,
  get: prefixes,
  cluster: z.boolean().default(false),
  /** The right at the admin API. It grants nothing of MoQ, and no other claim grants it. */
  admin: z.enum(["read", "write"]).optional(),
};
export type Powers = z.output<z.ZodObject<typeof powersShape>>;
type Power = Exclude<keyof Powers, "root">;

/** What a token permits at the admin API: `write` includes `read`. */
export type AdminRight = NonNullable<Powers["admin"]>;

/** For each power, whether the request is within the scope. A new power does not compile without a rule here. */
const WITHIN: { readonly [P in Power]: (most: Powers, asked: Powers) => boolean } = {
  put: (most, asked) => coversPaths(most.root, most.put, asked.root, asked.put),
  get: (most, asked) => coversPaths(most.root, most.get, asked.root, asked.get),
  cluster: (most, asked) => most.cluster || !asked.cluster,
  admin: (most, asked) => asked.admin === undefined || most.admin === "write" || most.admin === asked.admin,
};

/** The most that a key may grant; part of its JWK. An unknown member may be a restriction, so it is refused. */
export const keyScopeSchema = z
  .strictObject(powersShape)
  .refine(
    ({ put, get, cluster, admin }) => cluster || admin !== undefined || put.length + get.length > 0,
    "a scope must have `put`, `get`, `cluster` or `admin`",
  );
export type KeyScope = z.output<typeof keyScopeSchema>;

/** The claim name of the first power of `asked` that `scope` does not cover; undefined if it covers all. */
export function beyondScope(scope: KeyScope, asked: Powers): string | undefined {
  const rules = new Map<string, (most: Powers, asked: Powers) => boolean>(Object.entries(WITHIN));
  return Object.keys(asked).find((power) => power !== "root" && rules.get(power)?.(scope, asked) !== true);
}

/** Granted powers. Only {@link Granted.within} makes them, so the scope of the key has always been applied. */
export class Granted {
  readonly #powers: Powers;

  private constructor(powers: Powers) {
    this.#powers = powers;
  }

  /** Grants all of `asked`. Throws {@link AuthError} `key_scope_exceeded` when the scope of the key does not cover it. A key without a scope may grant everything. */
  static within(scope: KeyScope | undefined, asked: Powers): Granted {
    const beyond = scope === undefined ? undefined : beyondScope(scope, asked);
    if (beyond === undefined) return new Granted(asked);
    throw new AuthError(
      "key_scope_exceeded",
      `the token's \`${beyond}\` grants more than the scope of its key permits`,
    );
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

  /** A relay of the mesh, which may do everything. */
  get cluster(): boolean {
    return this.#powers.cluster;
  }

  /** The right at the admin API; undefined for none. */
  get admin(): AdminRight | undefined {
    return this.#powers.admin;
  }
}

function coversPaths(mostRoot: string, most: readonly string[], root: string, asked: readonly string[]): boolean {
  const base = normalise(mostRoot);
  return asked.every((one) => {
    const wanted = join(normalise(root), normalise(one));
    return most.some((grant) => under(join(base, normalise(grant)), wanted) !== undefined);
  });
}
