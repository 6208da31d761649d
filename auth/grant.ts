import type { MoqtScopes } from "./cat/index.ts";
import { type About, authorize, type Permissions, rebase } from "./claims.ts";
import { AuthError } from "./error.ts";
import type { Key } from "./keys/index.ts";
import { join, normalise, under } from "./paths.ts";
import { covers } from "./permissions.ts";
import { Granted, type Powers } from "./powers.ts";
import type { Verified } from "./verify.ts";

/** The owner of a token, in names that are not secret. */
export interface Identity {
  readonly jti: string | undefined;
  readonly sub: string | undefined;
  readonly kid: string | undefined;
  /** Fingerprint of the key that verified it; for {@link Authenticator.check} only. */
  readonly fingerprint: string;
  /** The key is in the key ring; false: the external service gave it. */
  readonly ringed: boolean;
}

/** What a visitor may do. Paths are absolute and normalised; a prefix covers itself and what is under it. */
export interface Grant {
  readonly root: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Prefixes that are excepted: of two that cover a path, one here and one above, the longer one counts. */
  readonly closed: Permissions;
  /** A relay of the mesh, which may do everything. */
  readonly cluster: boolean;
  /** Milliseconds since 1970. */
  readonly expiresAt: number | undefined;
  /** First segment of the token's root; of the path where the root is empty. */
  readonly tenant: string;
  /** Undefined for public access. */
  readonly identity: Identity | undefined;
  /** What a Common Access Token permits within `publish` and `subscribe`. */
  readonly moqt?: MoqtGrant;
  /** The claims of a token that must hold for as long as the session lasts. */
  readonly revalidated?: About;
}

/** The scopes of a token, for namespaces as the client names them. */
export interface MoqtGrant {
  readonly scopes: MoqtScopes;
  /** The path of the URL, in whose place `root` may have another one. */
  readonly asked: string;
}

/** Access without a token grants paths only. */
const NO_POWERS: Powers = { root: "", put: [], get: [], cluster: false };
const NOTHING: Permissions = { publish: [], subscribe: [] };
export const ALL_PATHS: Powers = { ...NO_POWERS, put: [""], get: [""] };
/** Everything under the path of the URL. */
export const HERE: Permissions = { publish: [""], subscribe: [""] };

/** Paths for which no token is needed: of two prefixes that cover one, one of each list, the longer one counts. */
export interface PublicPaths {
  readonly open: readonly string[];
  readonly closed: readonly string[];
}

/** A grant without a token. Prefixes are absolute. Throws {@link AuthError} `token_missing` when nothing is public there. */
export function publicGrant(root: string, asked: string, publish: PublicPaths, subscribe: PublicPaths): Grant {
  const here = { publish: openAt(publish, root), subscribe: openAt(subscribe, root) };
  if (here.publish.length + here.subscribe.length === 0) {
    throw new AuthError("token_missing", `a token is needed for /${asked}: \`jwt\` or \`cat\` in the URL, or a Bearer`);
  }
  const granted = Granted.within(undefined, { ...NO_POWERS, put: here.publish, get: here.subscribe });
  const closed = { publish: publish.closed, subscribe: subscribe.closed };
  return { ...grantOf(granted, root, { publish: granted.put, subscribe: granted.get }), closed };
}

/** The open prefixes relative to `root`. */
function openAt({ open, closed }: PublicPaths, root: string): string[] {
  const below = open.flatMap((prefix) => (prefix === root ? [] : (under(root, prefix) ?? [])));
  return covers(open, root, closed) ? ["", ...below] : below;
}

/** A grant by a verified token. `asked`: the path of the URL. `at`: the path that the auth API put in its place, else the same. */
export function grantByToken(
  { granted, about, terms }: Verified,
  { kid, fingerprint }: Key,
  { asked, at, ringed }: { readonly asked: string; readonly at: string; readonly ringed: boolean },
): Grant {
  // The token of a relay of the mesh may name no paths.
  const bare = granted.cluster && granted.put.length + granted.get.length === 0;
  const { jti, sub, exp } = about;
  const identity = { jti, sub, kid, fingerprint, ringed };
  const who = { identity, expiresAt: exp === undefined ? undefined : exp * 1000 };
  if (terms === undefined) return grantOf(granted, at, bare ? NOTHING : authorize(granted, asked), who);
  // A token for the set-up alone is followed by tokens of requests.
  const paths = { publish: rebase(granted.put, asked), subscribe: rebase(granted.get, asked) };
  return {
    ...grantOf(granted, at, paths, who),
    tenant: tenantOf(asked) || commonTenant([...granted.put, ...granted.get]),
    moqt: { scopes: terms.scopes, asked },
    ...(terms.revalidates && { revalidated: about }),
  };
}

/** The first segment that all paths share. */
function commonTenant(paths: readonly string[]): string {
  const [first = "", ...others] = new Set(paths.map(tenantOf));
  return others.length === 0 ? first : "";
}

/** Every grant is made here. `publish` and `subscribe` are relative to `root`. */
export function grantOf(
  granted: Granted,
  root: string,
  { publish, subscribe }: Permissions,
  who: Pick<Grant, "identity" | "expiresAt"> = { identity: undefined, expiresAt: undefined },
): Grant {
  return {
    root,
    publish: publish.map((prefix) => join(root, prefix)),
    subscribe: subscribe.map((prefix) => join(root, prefix)),
    closed: NOTHING,
    cluster: granted.cluster,
    tenant: tenantOf(normalise(granted.root)) || tenantOf(root),
    ...who,
  };
}

function tenantOf(path: string): string {
  return path.split("/", 1)[0] ?? "";
}
