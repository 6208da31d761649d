import type { Cursor } from "../codec/index.ts";
import {
  encodeRequestError,
  encodeRequestOk,
  type RequestError,
  type RequestOk,
  readRequestError,
  readRequestOk,
} from "./answers.ts";
import { framed } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import { encodeFetch, encodeFetchOk, type Fetch, type FetchOk, readFetch, readFetchOk } from "./fetch.ts";
import { encodeGoaway, type Goaway, readGoaway } from "./goaway.ts";
import type { FullTrackName } from "./names.ts";
import {
  encodeNamespaceRequest,
  encodeNamespaceSuffix,
  encodePublishSkipped,
  type NamespaceRequest,
  type NamespaceRequestKind,
  type NamespaceSuffix,
  readNamespaceRequest,
  readNamespaceSuffix,
  readPublishSkipped,
} from "./namespaces.ts";
import type { RequestKind } from "./parameter-scopes.ts";
import {
  encodePublish,
  encodePublishDone,
  type Publish,
  type PublishDone,
  readPublish,
  readPublishDone,
} from "./publish.ts";
import { encodeRequestUpdate, type RequestUpdate, readRequestUpdate } from "./request-update.ts";
import { encodeSetup, readSetup, type Setup } from "./setup.ts";
import {
  encodeSubscribe,
  encodeSubscribeOk,
  readSubscribe,
  readSubscribeOk,
  type Subscribe,
  type SubscribeOk,
} from "./subscribe.ts";
import type { Capabilities } from "./versions.ts";

/** A request, which opens a stream of its own. */
export type Request =
  | ({ readonly kind: "subscribe" | "trackStatus" } & Subscribe)
  | ({ readonly kind: "publish" } & Publish)
  | ({ readonly kind: "fetch" } & Fetch)
  | ({ readonly kind: NamespaceRequestKind } & NamespaceRequest);

/** A control message, of the same form in every draft. */
export type Message =
  | Request
  | ({ readonly kind: "setup" } & Setup)
  | ({ readonly kind: "goaway" } & Goaway)
  | ({ readonly kind: "subscribeOk" } & SubscribeOk)
  | ({ readonly kind: "fetchOk" } & FetchOk)
  | ({ readonly kind: "requestOk" } & RequestOk)
  | ({ readonly kind: "requestError" } & RequestError)
  | ({ readonly kind: "requestUpdate" } & RequestUpdate)
  | ({ readonly kind: "publishDone" } & PublishDone)
  | ({ readonly kind: "namespace" | "namespaceDone" } & NamespaceSuffix)
  | ({ readonly kind: "publishSkipped" } & FullTrackName);

export type MessageKind = Message["kind"];

/** A message type: its number, its name in the draft, and how its body is read. */
export interface MessageType {
  readonly type: number;
  readonly name: string;
  readonly kind: MessageKind;
  read(cursor: Cursor, context: ReadContext): Message;
}

/** The type of SETUP, which is the type of the control stream as well. */
export const SETUP = 0x2f00;

const TYPES: readonly MessageType[] = [
  {
    type: 0x02,
    name: "REQUEST_UPDATE",
    read: (cursor, context) => ({ kind: "requestUpdate", ...readRequestUpdate(cursor, context) }),
    kind: "requestUpdate",
  },
  {
    type: 0x03,
    name: "SUBSCRIBE",
    read: (cursor, context) => ({ kind: "subscribe", ...readSubscribe(cursor, context, "subscribe") }),
    kind: "subscribe",
  },
  {
    type: 0x04,
    name: "SUBSCRIBE_OK",
    read: (cursor, context) => ({ kind: "subscribeOk", ...readSubscribeOk(cursor, context) }),
    kind: "subscribeOk",
  },
  {
    type: 0x05,
    name: "REQUEST_ERROR",
    read: (cursor, context) => ({ kind: "requestError", ...readRequestError(cursor, context) }),
    kind: "requestError",
  },
  {
    type: 0x06,
    name: "PUBLISH_NAMESPACE",
    read: (cursor, context) => ({
      kind: "publishNamespace",
      ...readNamespaceRequest(cursor, context, "publishNamespace"),
    }),
    kind: "publishNamespace",
  },
  {
    type: 0x07,
    name: "REQUEST_OK",
    read: (cursor, context) => ({ kind: "requestOk", ...readRequestOk(cursor, context) }),
    kind: "requestOk",
  },
  {
    type: 0x08,
    name: "NAMESPACE",
    read: (cursor) => ({ kind: "namespace", ...readNamespaceSuffix(cursor) }),
    kind: "namespace",
  },
  {
    type: 0x0b,
    name: "PUBLISH_DONE",
    read: (cursor) => ({ kind: "publishDone", ...readPublishDone(cursor) }),
    kind: "publishDone",
  },
  {
    type: 0x0d,
    name: "TRACK_STATUS",
    read: (cursor, context) => ({ kind: "trackStatus", ...readSubscribe(cursor, context, "trackStatus") }),
    kind: "trackStatus",
  },
  {
    type: 0x0e,
    name: "NAMESPACE_DONE",
    read: (cursor) => ({ kind: "namespaceDone", ...readNamespaceSuffix(cursor) }),
    kind: "namespaceDone",
  },
  {
    type: 0x0f,
    name: "PUBLISH_BLOCKED",
    read: (cursor) => ({ kind: "publishSkipped", ...readPublishSkipped(cursor) }),
    kind: "publishSkipped",
  },
  {
    type: 0x10,
    name: "GOAWAY",
    read: (cursor, context) => ({ kind: "goaway", ...readGoaway(cursor, context) }),
    kind: "goaway",
  },
  {
    type: 0x16,
    name: "FETCH",
    read: (cursor, context) => ({ kind: "fetch", ...readFetch(cursor, context) }),
    kind: "fetch",
  },
  {
    type: 0x18,
    name: "FETCH_OK",
    read: (cursor, context) => ({ kind: "fetchOk", ...readFetchOk(cursor, context) }),
    kind: "fetchOk",
  },
  {
    type: 0x1d,
    name: "PUBLISH",
    read: (cursor, context) => ({ kind: "publish", ...readPublish(cursor, context) }),
    kind: "publish",
  },
  {
    type: 0x50,
    name: "SUBSCRIBE_NAMESPACE",
    read: (cursor, context) => ({
      kind: "subscribeNamespace",
      ...readNamespaceRequest(cursor, context, "subscribeNamespace"),
    }),
    kind: "subscribeNamespace",
  },
  {
    type: 0x51,
    name: "SUBSCRIBE_TRACKS",
    read: (cursor, context) => ({
      kind: "subscribeTracks",
      ...readNamespaceRequest(cursor, context, "subscribeTracks"),
    }),
    kind: "subscribeTracks",
  },
  {
    type: SETUP,
    name: "SETUP",
    read: (cursor, context) => ({ kind: "setup", ...readSetup(cursor, context) }),
    kind: "setup",
  },
];

const BY_NUMBER = new Map(TYPES.map((type) => [type.type, type]));
const BY_KIND = new Map(TYPES.map((type) => [type.kind, type]));

/** Nothing for a type that the draft does not have. */
export function messageType(type: number, _caps: Capabilities): MessageType | undefined {
  return BY_NUMBER.get(type);
}

/** The whole message. One that the draft cannot say is a RangeError. */
export function encodeMessage(message: Message, caps: Capabilities): Uint8Array {
  const type = BY_KIND.get(message.kind);
  if (type === undefined) throw new RangeError(`no ${message.kind} in ${caps.protocol}`);
  return framed(type.type, encodeBody(message, caps), caps);
}

function encodeBody(message: Message, caps: Capabilities): Uint8Array {
  switch (message.kind) {
    case "setup":
      return encodeSetup(message, caps);
    case "goaway":
      return encodeGoaway(message, caps);
    case "subscribe":
    case "trackStatus":
      return encodeSubscribe(message, caps);
    case "subscribeOk":
      return encodeSubscribeOk(message, caps);
    case "publish":
      return encodePublish(message, caps);
    case "publishDone":
      return encodePublishDone(message, caps);
    case "publishSkipped":
      return encodePublishSkipped(message, caps);
    case "fetch":
      return encodeFetch(message, caps);
    case "fetchOk":
      return encodeFetchOk(message, caps);
    case "publishNamespace":
    case "subscribeNamespace":
    case "subscribeTracks":
      return encodeNamespaceRequest(message, caps);
    case "namespace":
    case "namespaceDone":
      return encodeNamespaceSuffix(message, caps);
    case "requestOk":
      return encodeRequestOk(message, caps);
    case "requestError":
      return encodeRequestError(message, caps);
    case "requestUpdate":
      return encodeRequestUpdate(message, caps);
  }
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
