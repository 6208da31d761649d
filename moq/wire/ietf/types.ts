/** The message types of each draft (Control Messages). */
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
  | "namespaceDone";

/** A message type: its number, its name in the draft, and what it is in every draft. */
export interface MessageType {
  readonly type: number;
  readonly name: string;
  readonly kind: MessageKind;
  /** Absent: in every draft. */
  has?(caps: Capabilities): boolean;
}

/** The type of SETUP, which is the type of the control stream as well. */
export const SETUP = 0x2f00;

const TYPES: readonly MessageType[] = [
  { type: 0x02, name: "REQUEST_UPDATE", kind: "requestUpdate" },
  { type: 0x03, name: "SUBSCRIBE", kind: "subscribe" },
  { type: 0x04, name: "SUBSCRIBE_OK", kind: "subscribeOk" },
  { type: 0x05, name: "REQUEST_ERROR", kind: "requestError" },
  { type: 0x06, name: "PUBLISH_NAMESPACE", kind: "publishNamespace" },
  { type: 0x07, name: "REQUEST_OK", kind: "requestOk" },
  { type: 0x08, name: "NAMESPACE", kind: "namespace" },
  { type: 0x0b, name: "PUBLISH_DONE", kind: "publishDone" },
  { type: 0x0d, name: "TRACK_STATUS", kind: "trackStatus" },
  { type: 0x0e, name: "NAMESPACE_DONE", kind: "namespaceDone" },
  // PUBLISH_BLOCKED up to draft 18.
  { type: 0x0f, name: "PUBLISH_SKIPPED", kind: "publishSkipped" },
  { type: 0x10, name: "GOAWAY", kind: "goaway" },
  { type: 0x16, name: "FETCH", kind: "fetch" },
  { type: 0x18, name: "FETCH_OK", kind: "fetchOk" },
  { type: 0x1d, name: "PUBLISH", kind: "publish" },
  { type: 0x22, name: "PUBLISH_STATE_NOTIFY", kind: "publishState", has: (caps) => caps.publishParameters },
  { type: 0x50, name: "SUBSCRIBE_NAMESPACE", kind: "subscribeNamespace" },
  { type: 0x51, name: "SUBSCRIBE_TRACKS", kind: "subscribeTracks" },
  { type: SETUP, name: "SETUP", kind: "setup" },
];

const BY_NUMBER = new Map(TYPES.map((type) => [type.type, type]));
const BY_KIND = new Map(TYPES.map((type) => [type.kind, type]));

/** Nothing for a number that the draft does not have. */
export function messageType(number: number, caps: Capabilities): MessageType | undefined {
  const type = BY_NUMBER.get(number);
  return type === undefined || type.has?.(caps) === false ? undefined : type;
}

/** The number of a kind. One that the draft does not have is a RangeError. */
export function typeOf(kind: MessageKind, caps: Capabilities): number {
  const type = BY_KIND.get(kind);
  if (type === undefined || type.has?.(caps) === false) throw new RangeError(`no ${kind} in ${caps.protocol}`);
  return type.type;
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
