import type { Cursor } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import { type FullTrackName, putFullTrackName, readFullTrackName } from "./names.ts";
import { type Parameters, putParameters, readParameters } from "./parameters.ts";
import { readPropertyBytes } from "./properties.ts";
import type { Capabilities } from "./versions.ts";

/** SUBSCRIBE asks for the objects of a track that are still to come. TRACK_STATUS asks what SUBSCRIBE_OK would say. */
export interface Subscribe extends FullTrackName {
  readonly requestId: number;
  readonly parameters: Parameters;
}

/** SUBSCRIBE_OK: the subscription is there. */
export interface SubscribeOk {
  /** What the streams and datagrams of the track name it by. */
  readonly alias: number;
  readonly parameters: Parameters;
  /** Track properties as on the wire. */
  readonly properties: Uint8Array;
}

export function encodeSubscribe(message: Subscribe, caps: Capabilities): Uint8Array {
  const writer = putFullTrackName(newWriter(caps).varint(message.requestId), message);
  return putParameters(writer, message.parameters, caps).finish();
}

export function readSubscribe(cursor: Cursor, { caps }: ReadContext, scope: "subscribe" | "trackStatus"): Subscribe {
  const requestId = cursor.varint();
  return { requestId, ...readFullTrackName(cursor), parameters: readParameters(cursor, scope, caps) };
}

export function encodeSubscribeOk(message: SubscribeOk, caps: Capabilities): Uint8Array {
  return putParameters(newWriter(caps).varint(message.alias), message.parameters, caps)
    .raw(message.properties)
    .finish();
}

export function readSubscribeOk(cursor: Cursor, { caps }: ReadContext): SubscribeOk {
  const alias = cursor.varint();
  const parameters = readParameters(cursor, "subscribeOk", caps);
  return { alias, parameters, properties: readPropertyBytes(cursor, caps) };
}
