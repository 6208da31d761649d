/** What a session may do, from what its token grants. */
import { AuthError, covers, type Grant, overlap } from "../../auth/index.ts";
import type { Access, PresentedAccess, PresentedToken, RequestAction, TokenRefusal } from "../../moq/session/index.ts";
import { namespaceOf, trackNameOf } from "../../moq/wire/ietf/index.ts";

/** Decides on the tokens of a request; undefined where no token has a type that is known. Rejects with `AuthError`; any other error is a defect. */
export type AdmitRequest = (
  tokens: readonly PresentedToken[],
  action: RequestAction | "client_setup",
  target: MoqtTarget | undefined,
) => Promise<{ readonly grant: Grant; readonly check: PresentedAccess["check"] } | undefined>;

export interface AccessDeps {
  readonly admit: AdmitRequest;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** An unexpected error while deciding. */
  readonly defect: (error: unknown) => void;
}

/** A namespace and a track as the client names them. */
interface MoqtTarget {
  readonly namespace: readonly Uint8Array[];
  readonly track?: Uint8Array;
}

/** The codes of refusals that a client mends with another token. */
const MALFORMED: ReadonlySet<string> = new Set([
  "token_malformed",
  "token_too_large",
  "token_kind_refused",
  "alg_refused",
  "claims_invalid",
]);

export function accessOf(grant: Grant, deps: AccessDeps): Access {
  return {
    ...pathsOf(grant),
    present: async (tokens, action, path, track) => {
      try {
        const target = action === "client_setup" ? undefined : targetOf(grant, path, track);
        const admitted = await deps.admit(tokens, action, target);
        if (admitted === undefined) return { ...pathsOf(grant), expiresIn: () => undefined, check: () => undefined };
        const { expiresAt } = admitted.grant;
        const expiresIn = () => (expiresAt === undefined ? undefined : Math.max(0, expiresAt - deps.wallNow()));
        return { ...pathsOf(admitted.grant), expiresIn, check: admitted.check };
      } catch (error) {
        return refusalOf(error, deps);
      }
    },
  };
}

function refusalOf(error: unknown, { defect }: AccessDeps): TokenRefusal {
  if (!(error instanceof AuthError)) {
    defect(error);
    return { refused: "internal", message: "internal error" };
  }
  const message = `${error.code}: ${error.message}`;
  if (error.code === "token_expired") return { refused: "expired", message };
  return { refused: MALFORMED.has(error.code) ? "malformed" : "unauthorized", message };
}

function pathsOf(grant: Grant): Access {
  const { root, publish, subscribe, closed, moqt } = grant;
  const mayPublish = (path: string) => covers(publish, path, closed.publish);
  const maySubscribe = (path: string) => covers(subscribe, path, closed.subscribe);
  const parts = (prefix: string) => overlap(subscribe, prefix, closed.subscribe);
  if (moqt === undefined) return { root, mayPublish, maySubscribe, watchable: parts, listable: parts };
  const permits = (action: RequestAction, path: string, track?: string) => {
    const publishes = action === "publish" || action === "publish_namespace";
    if (!(publishes ? mayPublish(path) : maySubscribe(path))) return false;
    const target = targetOf(grant, path, track);
    return target !== undefined && moqt.scopes.permits(action, target);
  };
  return {
    root,
    mayPublish: (path) => permits("publish_namespace", path),
    maySubscribe: (path) => permits("subscribe_namespace", path),
    watchable: parts,
    listable: parts,
    permits,
  };
}

/** The names of a path, in the place of whose root the client asked for another one. Undefined where no name has that text. */
function targetOf({ root, moqt }: Grant, path: string, track: string | undefined): MoqtTarget | undefined {
  const asked = moqt === undefined || moqt.asked === root ? path : rejoin(moqt.asked, root, path);
  const namespace = namespaceOf(asked);
  if (namespace === undefined) return undefined;
  if (track === undefined) return { namespace };
  const name = trackNameOf(track);
  return name === undefined ? undefined : { namespace, track: name };
}

function rejoin(asked: string, root: string, path: string): string {
  const rest = root === "" ? path : path.slice(root.length + 1);
  return [asked, rest].filter((part) => part !== "").join("/");
}
