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
 * subscriber, and one of `publish` from the publisher. `fill` is inside of FILL_PARAMETERS.
 */
export type Scope = RequestKind | `${RequestKind}Ok` | `${RequestKind}Update` | "updateOk" | "publishState" | "fill";

/** What a REQUEST_UPDATE may be, which does not say which kind of request it changes. */
export const UPDATES: readonly Scope[] = [
  "subscribeUpdate",
  "publishUpdate",
  "fetchUpdate",
  "publishNamespaceUpdate",
  "subscribeNamespaceUpdate",
  "subscribeTracksUpdate",
];

/** What a REQUEST_OK may answer. */
export const ANSWERS: readonly Scope[] = [
  "publishOk",
  "trackStatusOk",
  "publishNamespaceOk",
  "subscribeNamespaceOk",
  "subscribeTracksOk",
  "updateOk",
];

/** All requests of objects or names. */
const REQUESTS: readonly Scope[] = [
  "subscribe",
  "publish",
  "fetch",
  "trackStatus",
  "publishNamespace",
  "subscribeNamespace",
  "subscribeTracks",
  ...UPDATES,
];

/** What a subscriber wants, where it may change that in PUBLISH_OK. */
const SUBSCRIPTION: readonly Scope[] = ["subscribe", "publishOk", "subscribeUpdate", "publishUpdate"];

/** Drafts in which a subscriber sets parameters in PUBLISH_OK. */
const IN_PUBLISH_OK = new Map<number, readonly Scope[]>([
  [0x02, SUBSCRIPTION],
  [0x03, REQUESTS],
  [0x04, ["subscribe"]],
  [0x06, SUBSCRIPTION],
  [0x08, ["subscribeOk", "publish", "publishOk", "updateOk", "trackStatusOk"]],
  [0x09, ["subscribeOk", "publish", "updateOk", "trackStatusOk"]],
  [0x0a, ["fetch"]],
  [0x10, [...SUBSCRIPTION, "publish", "subscribeTracks"]],
  [0x20, [...SUBSCRIPTION, "fetch", "fetchUpdate"]],
  [0x21, SUBSCRIPTION],
  [0x22, ["subscribe", "publishOk", "fetch"]],
  [0x32, SUBSCRIPTION],
  [0x34, ["subscribeNamespaceUpdate", "subscribeTracksUpdate"]],
]);

/** What a subscriber wants, and what it wants of the tracks that SUBSCRIBE_TRACKS brings. */
const WANTED: readonly Scope[] = ["subscribe", "subscribeTracks", "subscribeUpdate"];
const PUBLISHED: readonly Scope[] = [...WANTED, "publish", "publishUpdate"];
const OBJECTS: readonly Scope[] = [...WANTED, "fetch", "subscribeTracksUpdate", "fill"];

/** Drafts in which PUBLISH has the parameters. SUBSCRIBE_TRACKS may have what SUBSCRIBE has. */
const IN_PUBLISH = new Map<number, readonly Scope[]>([
  [0x02, PUBLISHED],
  [0x03, REQUESTS],
  [0x04, ["subscribe"]],
  [0x06, PUBLISHED],
  [
    0x08,
    [
      "subscribeOk",
      "publish",
      "publishOk",
      "subscribeNamespaceOk",
      "subscribeTracksOk",
      "publishNamespaceOk",
      "updateOk",
      "trackStatusOk",
    ],
  ],
  [0x09, ["subscribeOk", "publish", "updateOk", "trackStatusOk", "publishState"]],
  [0x0a, ["fetch", "fill"]],
  [0x10, [...PUBLISHED, "subscribeTracksUpdate", "publishState"]],
  [0x20, [...PUBLISHED, "fetch", "fetchUpdate", "fill"]],
  [0x21, [...PUBLISHED, "fetch", "publishState", "fill"]],
  [0x22, ["subscribe", "publish", "subscribeTracks", "fetch", "fill"]],
  [0x23, WANTED],
  [0x25, OBJECTS],
  [0x26, OBJECTS],
  [0x27, OBJECTS],
  [0x28, OBJECTS],
  [0x29, ["subscribeTracks", "subscribeTracksUpdate"]],
  [0x32, ["subscribe", "subscribeUpdate", "publishUpdate"]],
  [0x34, ["subscribeNamespaceUpdate", "subscribeTracksUpdate"]],
  [0x35, ["subscribe", "trackStatus", "fetch", "subscribeTracks"]],
]);

/** Whether a parameter of that type may be in that message. */
export function isInScope(type: number, scope: Scope, caps: Capabilities): boolean {
  const scopes = caps.publishParameters ? IN_PUBLISH : IN_PUBLISH_OK;
  return scopes.get(type)?.includes(scope) ?? false;
}
