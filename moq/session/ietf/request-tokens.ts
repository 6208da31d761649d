import type { AuthToken, Request } from "../../wire/ietf/index.ts";
import { type Access, type PresentedAccess, permits, type RequestAction, type TokenRefusal } from "../contract.ts";
import type { IetfContext } from "./context.ts";
import { absolutePath, isRefusal, namedTrack } from "./names.ts";
import type { Refusal } from "./refusal.ts";

/** What a request needs, as the action of a token. */
const ACTIONS: Readonly<Record<Request["kind"], RequestAction>> = {
  subscribe: "subscribe",
  trackStatus: "track_status",
  fetch: "fetch",
  publish: "publish",
  publishNamespace: "publish_namespace",
  subscribeNamespace: "subscribe_namespace",
  subscribeTracks: "subscribe_namespace",
};

/**
 * Verifies the tokens of a request. Calls `answer` with what the request may do: what the session may do, and what its tokens grant.
 * False when the request has no tokens, or the session ignores those of messages; `answer` is not called then.
 */
export function verifyTokens(
  request: Request,
  tokens: readonly AuthToken[],
  context: IetfContext,
  answer: (outcome: { access: Access; presented: PresentedAccess } | Refusal) => void,
): boolean {
  const { session } = context;
  const { access } = session.deps;
  if (tokens.length === 0 || access.present === undefined) return false;
  const about = aboutOf(request, context);
  if (isRefusal(about)) return false;
  access
    .present(tokens, ACTIONS[request.kind], about.path, about.track)
    .then((presented) => {
      session.guard(() =>
        answer("refused" in presented ? refusalFor(presented) : { access: either(access, presented), presented }),
      );
    })
    .catch((error: unknown) => session.deps.defect(error));
  return true;
}

/** Absolute path and track of a request; of a joining fetch those of no track, because its subscription has them. */
function aboutOf(request: Request, context: IetfContext): { path: string; track?: string } | Refusal {
  switch (request.kind) {
    case "subscribe":
    case "trackStatus":
    case "publish":
      return namedTrack(request, context);
    case "fetch":
      return "namespace" in request.of ? namedTrack(request.of, context) : { path: context.session.absolute("") };
    case "publishNamespace":
    case "subscribeNamespace":
    case "subscribeTracks": {
      const path = absolutePath(request.namespace, context);
      return typeof path === "string" ? { path } : path;
    }
  }
}

function refusalFor({ refused, message }: TokenRefusal): Refusal {
  const text = message;
  switch (refused) {
    case "malformed":
      return { reason: "unauthorized", error: "malformed_auth_token", text };
    case "expired":
      return { reason: "token_expired", text };
    case "unauthorized":
      return { reason: "unauthorized", text };
    case "internal":
      return { reason: "internal", text };
  }
}

/** What either permits. */
function either(session: Access, request: Access): Access {
  const both = (read: (access: Access) => readonly string[]) => [...new Set([...read(session), ...read(request)])];
  return {
    root: session.root,
    mayPublish: (path) => session.mayPublish(path) || request.mayPublish(path),
    maySubscribe: (path) => session.maySubscribe(path) || request.maySubscribe(path),
    watchable: (prefix) => both((access) => access.watchable(prefix)),
    listable: (prefix) => both((access) => access.listable?.(prefix) ?? [prefix]),
    permits: (action, path, track) => permits(session, action, path, track) || permits(request, action, path, track),
  };
}
