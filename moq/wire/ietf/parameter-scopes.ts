/** In which messages a parameter may be (Parameter Scope, and the definition of each parameter). */
import type { Capabilities } from "./versions.ts";

/** A kind of request. */
export type RequestKind =
  | "subscribe"
  | "publish"
  | "fetch"
  | "trackStatus"
  | "publishNamespace"
  | "subscribeNamespace"
  | "subscribeTracks";

/**
 * A message with parameters: a request, the positive answer to it, and an update of it. An update of a subscription comes from the
 * subscriber, and one of `publish` from the publisher.
 */
export type Scope = RequestKind | `${RequestKind}Ok` | `${RequestKind}Update` | "updateOk";

/** All requests of objects or names. */
const REQUESTS: readonly Scope[] = [
  "subscribe",
  "publish",
  "fetch",
  "trackStatus",
  "publishNamespace",
  "subscribeNamespace",
  "subscribeTracks",
  "subscribeUpdate",
  "publishUpdate",
  "fetchUpdate",
  "publishNamespaceUpdate",
  "subscribeNamespaceUpdate",
  "subscribeTracksUpdate",
];

/** What a subscriber wants, while it may change that in PUBLISH_OK. */
const SUBSCRIPTION: readonly Scope[] = ["subscribe", "publishOk", "subscribeUpdate"];

const SCOPES: ReadonlyMap<number, readonly Scope[]> = new Map<number, readonly Scope[]>([
  [0x02, SUBSCRIPTION],
  [0x03, REQUESTS],
  [0x04, ["subscribe"]],
  [0x06, SUBSCRIPTION],
  [0x08, ["subscribeOk", "publish", "publishOk", "updateOk"]],
  [0x09, ["subscribeOk", "publish", "updateOk", "trackStatusOk"]],
  [0x0a, ["fetch"]],
  [0x10, ["subscribe", "subscribeUpdate", "publish", "publishOk", "subscribeTracks"]],
  [0x20, ["subscribe", "fetch", "subscribeUpdate", "fetchUpdate", "publishOk"]],
  [0x21, SUBSCRIPTION],
  [0x22, ["subscribe", "publishOk", "fetch"]],
  [0x32, SUBSCRIPTION],
  [0x34, ["subscribeNamespaceUpdate", "subscribeTracksUpdate"]],
]);

/** Whether a parameter of that type may be in that message. */
export function isInScope(type: number, scope: Scope, _caps: Capabilities): boolean {
  return SCOPES.get(type)?.includes(scope) ?? false;
}
