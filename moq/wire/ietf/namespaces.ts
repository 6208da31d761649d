import type { Cursor } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import {
  type FullTrackName,
  type Namespace,
  putFullTrackName,
  putNamespace,
  readFullTrackName,
  readNamespace,
} from "./names.ts";
import { type Parameters, putParameters, readParameters } from "./parameters.ts";
import type { Capabilities } from "./versions.ts";

/**
 * PUBLISH_NAMESPACE: the sender has tracks in this namespace. SUBSCRIBE_NAMESPACE asks for the namespaces with this prefix, and
 * SUBSCRIBE_TRACKS for their tracks.
 */
export interface NamespaceRequest {
  readonly requestId: number;
  readonly namespace: Namespace;
  readonly parameters: Parameters;
}

/** NAMESPACE and NAMESPACE_DONE: there is, or there is no longer, such a namespace under the prefix that was asked for. */
export interface NamespaceSuffix {
  /** Without the prefix. */
  readonly suffix: Namespace;
}

export type NamespaceRequestKind = "publishNamespace" | "subscribeNamespace" | "subscribeTracks";

export function encodeNamespaceRequest(message: NamespaceRequest, caps: Capabilities): Uint8Array {
  const writer = putNamespace(newWriter(caps).varint(message.requestId), message.namespace);
  return putParameters(writer, message.parameters, caps).finish();
}

export function readNamespaceRequest(
  cursor: Cursor,
  { caps }: ReadContext,
  kind: NamespaceRequestKind,
): NamespaceRequest {
  const requestId = cursor.varint();
  const namespace = readNamespace(cursor);
  return { requestId, namespace, parameters: readParameters(cursor, kind, caps) };
}

export function encodeNamespaceSuffix({ suffix }: NamespaceSuffix, caps: Capabilities): Uint8Array {
  return putNamespace(newWriter(caps), suffix).finish();
}

export function readNamespaceSuffix(cursor: Cursor): NamespaceSuffix {
  return { suffix: readNamespace(cursor) };
}

/**
 * PUBLISH_BLOCKED, or PUBLISH_SKIPPED since draft 19: the publisher does not begin a subscription of this track. `namespace` is without
 * the prefix that was asked for.
 */
export function encodePublishSkipped(track: FullTrackName, caps: Capabilities): Uint8Array {
  return putFullTrackName(newWriter(caps), track).finish();
}

export function readPublishSkipped(cursor: Cursor): FullTrackName {
  return readFullTrackName(cursor);
}
