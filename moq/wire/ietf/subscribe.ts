import type { Cursor } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import { putPublisherFields, putSubscriberFields, readPublisherFields, readSubscriberFields } from "./fixed-fields.ts";
import { type FullTrackName, putFullTrackName, readFullTrackName } from "./names.ts";
import { type Parameters, putParameters, readParameters } from "./parameters.ts";
import { propertyBytes, readPropertyBytes } from "./properties.ts";
import { type AboutRequest, aboutRequest, putId } from "./request-ids.ts";
import type { Capabilities } from "./versions.ts";

/** SUBSCRIBE asks for the objects of a track that are still to come. TRACK_STATUS asks what SUBSCRIBE_OK would say. */
export interface Subscribe extends FullTrackName {
  readonly requestId: number;
  readonly parameters: Parameters;
}

/** SUBSCRIBE_OK: the subscription is there. */
export interface SubscribeOk extends AboutRequest {
  /** What the streams and datagrams of the track name it by. */
  readonly alias: number;
  readonly parameters: Parameters;
  /** Track properties in the form of draft 18 and later. */
  readonly properties: Uint8Array;
}

export function encodeSubscribe(
  message: Subscribe,
  scope: "subscribe" | "trackStatus",
  caps: Capabilities,
): Uint8Array {
  const writer = putFullTrackName(newWriter(caps).varint(message.requestId), message, caps);
  if (caps.fixedFields) return putSubscriberFields(writer, message.parameters, false, caps).finish();
  return putParameters(writer, message.parameters, scope, caps).finish();
}

export function readSubscribe(cursor: Cursor, { caps }: ReadContext, scope: "subscribe" | "trackStatus"): Subscribe {
  const requestId = cursor.varint();
  const track = readFullTrackName(cursor, caps);
  const parameters = caps.fixedFields
    ? readSubscriberFields(cursor, scope, false, caps)
    : readParameters(cursor, scope, caps);
  return { requestId, ...track, parameters };
}

export function encodeSubscribeOk(message: SubscribeOk, caps: Capabilities): Uint8Array {
  const writer = putId(newWriter(caps), message.requestId, caps).varint(message.alias);
  if (caps.fixedFields) return putPublisherFields(writer, message, false, caps).finish();
  return putParameters(writer, message.parameters, "subscribeOk", caps)
    .raw(propertyBytes(message.properties, caps))
    .finish();
}

export function readSubscribeOk(cursor: Cursor, { caps }: ReadContext): SubscribeOk {
  const about = aboutRequest(cursor, caps);
  const alias = cursor.varint();
  if (caps.fixedFields) return { ...about, alias, ...readPublisherFields(cursor, false, caps) };
  const parameters = readParameters(cursor, "subscribeOk", caps);
  return { ...about, alias, parameters, properties: readPropertyBytes(cursor, caps) };
}
