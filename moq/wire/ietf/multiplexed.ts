/** Messages that only drafts before 17 have, where all requests share the control stream. */
import type { Cursor } from "../codec/index.ts";
import { readReason, shortReason } from "./answers.ts";
import { newWriter, readCount } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import { type Namespace, putNamespace, readNamespace } from "./names.ts";
import type { Capabilities } from "./versions.ts";

/** UNSUBSCRIBE and FETCH_CANCEL: the peer no longer wants what it asked for. */
export interface Cancel {
  readonly requestId: number;
}

/** MAX_REQUEST_ID: the first request id that the peer may not use. REQUESTS_BLOCKED: the sender needs that one. */
export interface RequestLimit {
  readonly maximum: number;
}

/** PUBLISH_NAMESPACE_DONE: the publisher withdraws the namespace. Named by its request since draft 16. */
export interface PublishNamespaceDone {
  readonly requestId?: number;
  readonly namespace?: Namespace;
}

/** PUBLISH_NAMESPACE_CANCEL: the subscriber no longer accepts the namespace. */
export interface PublishNamespaceCancel extends PublishNamespaceDone {
  /** Of the registry for refusals of PUBLISH_NAMESPACE. */
  readonly code: number;
  readonly reason: string;
}

/** UNSUBSCRIBE_NAMESPACE, in draft 14. */
export interface UnsubscribeNamespace {
  readonly namespace: Namespace;
}

export function encodeCancel({ requestId }: Cancel, caps: Capabilities): Uint8Array {
  return newWriter(caps).varint(requestId).finish();
}

export function readCancel(cursor: Cursor): Cancel {
  return { requestId: cursor.varint() };
}

export function encodeRequestLimit({ maximum }: RequestLimit, caps: Capabilities): Uint8Array {
  return newWriter(caps).varint(maximum).finish();
}

export function readRequestLimit(cursor: Cursor): RequestLimit {
  return { maximum: readCount(cursor) };
}

export function encodePublishNamespaceDone(message: PublishNamespaceDone, caps: Capabilities): Uint8Array {
  return putWhich(message, caps).finish();
}

export function readPublishNamespaceDone(cursor: Cursor, { caps }: ReadContext): PublishNamespaceDone {
  return caps.fixedFields ? { namespace: readNamespace(cursor, caps) } : { requestId: cursor.varint() };
}

export function encodePublishNamespaceCancel(message: PublishNamespaceCancel, caps: Capabilities): Uint8Array {
  return putWhich(message, caps).varint(message.code).string(shortReason(message.reason)).finish();
}

export function readPublishNamespaceCancel(cursor: Cursor, context: ReadContext): PublishNamespaceCancel {
  const which = readPublishNamespaceDone(cursor, context);
  return { ...which, code: readCount(cursor), reason: readReason(cursor) };
}

export function encodeUnsubscribeNamespace({ namespace }: UnsubscribeNamespace, caps: Capabilities): Uint8Array {
  return putNamespace(newWriter(caps), namespace, caps).finish();
}

export function readUnsubscribeNamespace(cursor: Cursor, { caps }: ReadContext): UnsubscribeNamespace {
  return { namespace: readNamespace(cursor, caps) };
}

/** A reference that the draft does not have is a RangeError. */
function putWhich({ requestId, namespace }: PublishNamespaceDone, caps: Capabilities) {
  const writer = newWriter(caps);
  return caps.fixedFields ? putNamespace(writer, namespace ?? [], caps) : writer.varint(requestId ?? Number.NaN);
}
