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
import {
  type Cancel,
  encodeCancel,
  encodePublishNamespaceCancel,
  encodePublishNamespaceDone,
  encodeRequestLimit,
  encodeUnsubscribeNamespace,
  type PublishNamespaceCancel,
  type PublishNamespaceDone,
  type RequestLimit,
  readCancel,
  readPublishNamespaceCancel,
  readPublishNamespaceDone,
  readRequestLimit,
  readUnsubscribeNamespace,
  type UnsubscribeNamespace,
} from "./multiplexed.ts";
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
import {
  encodePublish,
  encodePublishDone,
  encodePublishState,
  type Publish,
  type PublishDone,
  type PublishState,
  readPublish,
  readPublishDone,
  readPublishState,
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
import { type MessageKind, typeOf } from "./types.ts";
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
  | ({ readonly kind: "publishState" } & PublishState)
  | ({ readonly kind: "namespace" | "namespaceDone" } & NamespaceSuffix)
  | ({ readonly kind: "publishSkipped" } & FullTrackName)
  | ({ readonly kind: "unsubscribe" | "fetchCancel" } & Cancel)
  | ({ readonly kind: "maxRequestId" | "requestsBlocked" } & RequestLimit)
  | ({ readonly kind: "publishNamespaceDone" } & PublishNamespaceDone)
  | ({ readonly kind: "publishNamespaceCancel" } & PublishNamespaceCancel)
  | ({ readonly kind: "unsubscribeNamespace" } & UnsubscribeNamespace);

/** Reads the body of a message of that kind, up to its last field. */
export function readMessage(kind: MessageKind, cursor: Cursor, context: ReadContext): Message {
  switch (kind) {
    case "setup":
      return { kind, ...readSetup(cursor, context) };
    case "goaway":
      return { kind, ...readGoaway(cursor, context) };
    case "subscribe":
    case "trackStatus":
      return { kind, ...readSubscribe(cursor, context, kind) };
    case "subscribeOk":
      return { kind, ...readSubscribeOk(cursor, context) };
    case "publish":
      return { kind, ...readPublish(cursor, context) };
    case "publishDone":
      return { kind, ...readPublishDone(cursor, context) };
    case "publishState":
      return { kind, ...readPublishState(cursor, context) };
    case "publishSkipped":
      return { kind, ...readPublishSkipped(cursor, context) };
    case "fetch":
      return { kind, ...readFetch(cursor, context) };
    case "fetchOk":
      return { kind, ...readFetchOk(cursor, context) };
    case "publishNamespace":
    case "subscribeNamespace":
    case "subscribeTracks":
      return readNamespaceRequest(cursor, context, kind);
    case "namespace":
    case "namespaceDone":
      return { kind, ...readNamespaceSuffix(cursor, context) };
    case "requestOk":
      return { kind, ...readRequestOk(cursor, context) };
    case "requestError":
      return { kind, ...readRequestError(cursor, context) };
    case "requestUpdate":
      return { kind, ...readRequestUpdate(cursor, context) };
    case "unsubscribe":
    case "fetchCancel":
      return { kind, ...readCancel(cursor) };
    case "maxRequestId":
    case "requestsBlocked":
      return { kind, ...readRequestLimit(cursor) };
    case "publishNamespaceDone":
      return { kind, ...readPublishNamespaceDone(cursor, context) };
    case "publishNamespaceCancel":
      return { kind, ...readPublishNamespaceCancel(cursor, context) };
    case "unsubscribeNamespace":
      return { kind, ...readUnsubscribeNamespace(cursor, context) };
  }
}

/** The whole message. One that the draft cannot say is a RangeError. */
export function encodeMessage(message: Message, caps: Capabilities): Uint8Array {
  return framed(typeOf(message, caps), encodeBody(message, caps), caps);
}

function encodeBody(message: Message, caps: Capabilities): Uint8Array {
  switch (message.kind) {
    case "setup":
      return encodeSetup(message, caps);
    case "goaway":
      return encodeGoaway(message, caps);
    case "subscribe":
    case "trackStatus":
      return encodeSubscribe(message, message.kind, caps);
    case "subscribeOk":
      return encodeSubscribeOk(message, caps);
    case "publish":
      return encodePublish(message, caps);
    case "publishDone":
      return encodePublishDone(message, caps);
    case "publishState":
      return encodePublishState(message, caps);
    case "publishSkipped":
      return encodePublishSkipped(message, caps);
    case "fetch":
      return encodeFetch(message, caps);
    case "fetchOk":
      return encodeFetchOk(message, caps);
    case "publishNamespace":
    case "subscribeNamespace":
    case "subscribeTracks":
      return encodeNamespaceRequest(message, message.kind, caps);
    case "namespace":
    case "namespaceDone":
      return encodeNamespaceSuffix(message, caps);
    case "requestOk":
      return encodeRequestOk(message, caps);
    case "requestError":
      return encodeRequestError(message, caps);
    case "requestUpdate":
      return encodeRequestUpdate(message, caps);
    case "unsubscribe":
    case "fetchCancel":
      return encodeCancel(message, caps);
    case "maxRequestId":
    case "requestsBlocked":
      return encodeRequestLimit(message, caps);
    case "publishNamespaceDone":
      return encodePublishNamespaceDone(message, caps);
    case "publishNamespaceCancel":
      return encodePublishNamespaceCancel(message, caps);
    case "unsubscribeNamespace":
      return encodeUnsubscribeNamespace(message, caps);
  }
}
