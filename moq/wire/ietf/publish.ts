import type { Cursor } from "../codec/index.ts";
import { readReason, shortReason } from "./answers.ts";
import { newWriter, readCount } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import { putPublisherFields, readPublisherFields } from "./fixed-fields.ts";
import { type FullTrackName, putFullTrackName, readFullTrackName } from "./names.ts";
import { type Parameters, putParameters, readParameters } from "./parameters.ts";
import { propertyBytes, readPropertyBytes } from "./properties.ts";
import { type AboutRequest, aboutRequest, putId } from "./request-ids.ts";
import type { Capabilities } from "./versions.ts";

/** PUBLISH: the publisher begins a subscription of its own track. */
export interface Publish extends FullTrackName {
  readonly requestId: number;
  readonly alias: number;
  readonly parameters: Parameters;
  /** Track properties in the form of draft 18 and later. */
  readonly properties: Uint8Array;
}

/** PUBLISH_DONE: the publisher sends nothing more for the subscription. */
export interface PublishDone extends AboutRequest {
  /** Of the draft's registry; see `codes.ts`. */
  readonly code: number;
  /** Streams that were opened for the subscription; absent: not known. */
  readonly streams?: number;
  readonly reason: string;
}

export function encodePublish(message: Publish, caps: Capabilities): Uint8Array {
  const writer = putFullTrackName(newWriter(caps).varint(message.requestId), message, caps).varint(message.alias);
  if (caps.fixedFields) return putPublisherFields(writer, message, true, caps).finish();
  return putParameters(writer, message.parameters, "publish", caps)
    .raw(propertyBytes(message.properties, caps))
    .finish();
}

export function readPublish(cursor: Cursor, { caps }: ReadContext): Publish {
  const requestId = cursor.varint();
  const track = readFullTrackName(cursor, caps);
  const alias = cursor.varint();
  if (caps.fixedFields) return { requestId, ...track, alias, ...readPublisherFields(cursor, true, caps) };
  const parameters = readParameters(cursor, "publish", caps);
  return { requestId, ...track, alias, parameters, properties: readPropertyBytes(cursor, caps) };
}

export function encodePublishDone({ requestId, code, streams, reason }: PublishDone, caps: Capabilities): Uint8Array {
  const writer = putId(newWriter(caps), requestId, caps).varint(code);
  if (streams === undefined) writer.varintBig(caps.unknownStreamCount);
  else writer.varint(streams);
  return writer.string(shortReason(reason)).finish();
}

export function readPublishDone(cursor: Cursor, { caps }: ReadContext): PublishDone {
  const about = aboutRequest(cursor, caps);
  const code = readCount(cursor);
  const streams = cursor.saturating();
  const reason = readReason(cursor);
  // Every draft has a value over 2^53 for an unknown number.
  return streams > Number.MAX_SAFE_INTEGER ? { ...about, code, reason } : { ...about, code, streams, reason };
}

/** PUBLISH_STATE_NOTIFY, since draft 20: parameters of a subscription that have changed without an update. */
export interface PublishState {
  readonly parameters: Parameters;
}

export function encodePublishState({ parameters }: PublishState, caps: Capabilities): Uint8Array {
  return putParameters(newWriter(caps), parameters, "publishState", caps).finish();
}

export function readPublishState(cursor: Cursor, { caps }: ReadContext): PublishState {
  return { parameters: readParameters(cursor, "publishState", caps) };
}
