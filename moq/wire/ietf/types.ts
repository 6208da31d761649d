/** The message types of each draft (Control Messages). */
import type { Side } from "./context.ts";
import type { RequestKind } from "./parameter-scopes.ts";
import type { Capabilities } from "./versions.ts";

export type MessageKind =
  | RequestKind
  | "setup"
  | "goaway"
  | "subscribeOk"
  | "fetchOk"
  | "requestOk"
  | "requestError"
  | "requestUpdate"
  | "publishDone"
  | "publishState"
  | "publishSkipped"
  | "namespace"
  | "namespaceDone"
  | "unsubscribe"
  | "fetchCancel"
  | "maxRequestId"
  | "requestsBlocked"
  | "publishNamespaceDone"
  | "publishNamespaceCancel"
  | "unsubscribeNamespace";

/** A message type: its number, its name in the draft, and what it is in every draft. */
export interface MessageType {
  readonly type: number;
  readonly name: string;
  readonly kind: MessageKind;
  /** The kind of request that it answers, where that depends on the type. */
  readonly request?: RequestKind;
  /** Who sends it, where that depends on the type. */
  readonly from?: Side;
  /** Absent: in every draft that has this list. */
  has?(caps: Capabilities): boolean;
}

/** What says which type a message has. */
export type Typed = Pick<MessageType, "kind" | "request" | "from">;

/** The type of SETUP, which is the type of the control stream as well. */
export const SETUP = 0x2f00;

/** Types that have the same number in every draft. */
const COMMON: readonly MessageType[] = [
  { type: 0x02, name: "REQUEST_UPDATE", kind: "requestUpdate" },
  { type: 0x03, name: "SUBSCRIBE", kind: "subscribe" },
  { type: 0x04, name: "SUBSCRIBE_OK", kind: "subscribeOk" },
  { type: 0x06, name: "PUBLISH_NAMESPACE", kind: "publishNamespace" },
  { type: 0x0b, name: "PUBLISH_DONE", kind: "publishDone" },
  { type: 0x0d, name: "TRACK_STATUS", kind: "trackStatus" },
  { type: 0x10, name: "GOAWAY", kind: "goaway" },
  { type: 0x16, name: "FETCH", kind: "fetch" },
  { type: 0x18, name: "FETCH_OK", kind: "fetchOk" },
  { type: 0x1d, name: "PUBLISH", kind: "publish" },
];

/** Answers to every kind of request, and namespaces on a stream of their own. */
const SINCE_16: readonly MessageType[] = [
  ...COMMON,
  { type: 0x05, name: "REQUEST_ERROR", kind: "requestError" },
  { type: 0x07, name: "REQUEST_OK", kind: "requestOk" },
  { type: 0x08, name: "NAMESPACE", kind: "namespace" },
  { type: 0x0e, name: "NAMESPACE_DONE", kind: "namespaceDone" },
];

const SINCE_18: readonly MessageType[] = [
  ...SINCE_16,
  // PUBLISH_BLOCKED up to draft 18.
  { type: 0x0f, name: "PUBLISH_SKIPPED", kind: "publishSkipped" },
  { type: 0x22, name: "PUBLISH_STATE_NOTIFY", kind: "publishState", has: (caps) => caps.publishParameters },
  { type: 0x50, name: "SUBSCRIBE_NAMESPACE", kind: "subscribeNamespace" },
  { type: 0x51, name: "SUBSCRIBE_TRACKS", kind: "subscribeTracks" },
  { type: SETUP, name: "SETUP", kind: "setup" },
];

/** Requests share the control stream. */
const BEFORE_17: readonly MessageType[] = [
  { type: 0x09, name: "PUBLISH_NAMESPACE_DONE", kind: "publishNamespaceDone" },
  { type: 0x0a, name: "UNSUBSCRIBE", kind: "unsubscribe" },
  { type: 0x0c, name: "PUBLISH_NAMESPACE_CANCEL", kind: "publishNamespaceCancel" },
  { type: 0x11, name: "SUBSCRIBE_NAMESPACE", kind: "subscribeNamespace" },
  { type: 0x15, name: "MAX_REQUEST_ID", kind: "maxRequestId" },
  { type: 0x17, name: "FETCH_CANCEL", kind: "fetchCancel" },
  { type: 0x1a, name: "REQUESTS_BLOCKED", kind: "requestsBlocked" },
  { type: 0x1e, name: "PUBLISH_OK", kind: "requestOk", request: "publish" },
  { type: 0x20, name: "CLIENT_SETUP", kind: "setup", from: "client" },
  { type: 0x21, name: "SERVER_SETUP", kind: "setup", from: "server" },
];

const DRAFT_16: readonly MessageType[] = [
  ...BEFORE_17,
  ...SINCE_16,
  // SUBSCRIBE_NAMESPACE asks for tracks, too.
  { type: 0x11, name: "SUBSCRIBE_NAMESPACE", kind: "subscribeTracks" },
];

/** Answers to each kind of request. */
const DRAFT_14: readonly MessageType[] = [
  ...BEFORE_17,
  ...COMMON,
  { type: 0x05, name: "SUBSCRIBE_ERROR", kind: "requestError", request: "subscribe" },
  { type: 0x07, name: "PUBLISH_NAMESPACE_OK", kind: "requestOk", request: "publishNamespace" },
  { type: 0x08, name: "PUBLISH_NAMESPACE_ERROR", kind: "requestError", request: "publishNamespace" },
  { type: 0x0e, name: "TRACK_STATUS_OK", kind: "requestOk", request: "trackStatus" },
  { type: 0x0f, name: "TRACK_STATUS_ERROR", kind: "requestError", request: "trackStatus" },
  { type: 0x12, name: "SUBSCRIBE_NAMESPACE_OK", kind: "requestOk", request: "subscribeNamespace" },
  { type: 0x13, name: "SUBSCRIBE_NAMESPACE_ERROR", kind: "requestError", request: "subscribeNamespace" },
  { type: 0x14, name: "UNSUBSCRIBE_NAMESPACE", kind: "unsubscribeNamespace" },
  { type: 0x19, name: "FETCH_ERROR", kind: "requestError", request: "fetch" },
  { type: 0x1f, name: "PUBLISH_ERROR", kind: "requestError", request: "publish" },
];

function typesOf(caps: Capabilities): readonly MessageType[] {
  if (caps.requestStreams) return SINCE_18;
  return caps.commonAnswers ? DRAFT_16 : DRAFT_14;
}

/** Nothing for a number that the draft does not have. */
export function messageType(number: number, caps: Capabilities): MessageType | undefined {
  return typesOf(caps).find((one) => one.type === number && (one.has?.(caps) ?? true));
}

/** The number of a message. One that the draft does not have is a RangeError. */
export function typeOf({ kind, request, from }: Typed, caps: Capabilities): number {
  const found = typesOf(caps).find(
    (type) =>
      type.kind === kind &&
      (type.request ?? request) === request &&
      (type.from ?? from) === from &&
      (type.has?.(caps) ?? true),
  );
  if (found === undefined) throw new RangeError(`no ${kind} in ${caps.protocol}`);
  return found.type;
}

/** Whether a message of that kind opens a request. */
export function isRequest(kind: MessageKind): kind is RequestKind {
  return REQUEST_KINDS.has(kind);
}

const REQUEST_KINDS: ReadonlySet<MessageKind> = new Set<RequestKind>([
  "subscribe",
  "publish",
  "fetch",
  "trackStatus",
  "publishNamespace",
  "subscribeNamespace",
  "subscribeTracks",
]);
