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
  /** SUBSCRIBE_NAMESPACE asks for tracks as well. Only before draft 18, which has SUBSCRIBE_TRACKS for them. */
  readonly tracks?: true;
}

/** NAMESPACE and NAMESPACE_DONE: there is, or there is no longer, such a namespace under the prefix that was asked for. */
export interface NamespaceSuffix {
  /** Without the prefix. */
  readonly suffix: Namespace;
}

export type NamespaceRequestKind = "publishNamespace" | "subscribeNamespace" | "subscribeTracks";

/** Subscribe Options of draft 16: what SUBSCRIBE_NAMESPACE asks for. */
const OPTIONS = { tracks: 0, namespaces: 1, both: 2 } as const;

export function encodeNamespaceRequest(
  message: NamespaceRequest,
  kind: NamespaceRequestKind,
  caps: Capabilities,
): Uint8Array {
  const writer = newWriter(caps).varint(message.requestId);
  putNamespace(writer, message.namespace, caps, kind === "publishNamespace" ? "whole" : "part");
  if (kind !== "publishNamespace" && hasOptions(caps)) {
    writer.varint(kind === "subscribeTracks" ? OPTIONS.tracks : message.tracks ? OPTIONS.both : OPTIONS.namespaces);
  }
  return putParameters(writer, message.parameters, kind, caps).finish();
}

export function readNamespaceRequest(
  cursor: Cursor,
  { caps }: ReadContext,
  kind: NamespaceRequestKind,
): { readonly kind: NamespaceRequestKind } & NamespaceRequest {
  const requestId = cursor.varint();
  const namespace = readNamespace(cursor, caps, kind === "publishNamespace" ? "whole" : "part");
  if (kind === "publishNamespace" || caps.subscribeTracks) {
    return { kind, requestId, namespace, parameters: readParameters(cursor, kind, caps) };
  }
  const options = hasOptions(caps) ? cursor.varint() : OPTIONS.both;
  if (options > OPTIONS.both) throw cursor.violation("unknown options");
  const parameters = readParameters(cursor, kind, caps);
  if (options === OPTIONS.tracks) return { kind: "subscribeTracks", requestId, namespace, parameters };
  return { kind, requestId, namespace, parameters, ...(options === OPTIONS.both ? { tracks: true } : {}) };
}

/** Before it, SUBSCRIBE_NAMESPACE asks for both. */
function hasOptions({ subscribeTracks, namespaceStreams }: Capabilities): boolean {
  return !subscribeTracks && namespaceStreams;
}

export function encodeNamespaceSuffix({ suffix }: NamespaceSuffix, caps: Capabilities): Uint8Array {
  return putNamespace(newWriter(caps), suffix, caps, "part").finish();
}

export function readNamespaceSuffix(cursor: Cursor, { caps }: ReadContext): NamespaceSuffix {
  return { suffix: readNamespace(cursor, caps, "part") };
}

/**
 * PUBLISH_BLOCKED, or PUBLISH_SKIPPED since draft 19: the publisher does not begin a subscription of this track. `namespace` is without
 * the prefix that was asked for.
 */
export function encodePublishSkipped(track: FullTrackName, caps: Capabilities): Uint8Array {
  return putFullTrackName(newWriter(caps), track, caps, "part").finish();
}

export function readPublishSkipped(cursor: Cursor, { caps }: ReadContext): FullTrackName {
  return readFullTrackName(cursor, caps, "part");
}
