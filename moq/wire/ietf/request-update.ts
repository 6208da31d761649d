import type { Cursor } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import { putUpdateFields, readUpdateFields } from "./fixed-fields.ts";
import { type Scope, UPDATES } from "./parameter-scopes.ts";
import { type Parameters, putParameters, readParameters } from "./parameters.ts";
import { putId, readId } from "./request-ids.ts";
import type { Capabilities } from "./versions.ts";

/** REQUEST_UPDATE changes parameters of a request. What is absent stays as it is. */
export interface RequestUpdate {
  /** Of this message. */
  readonly requestId: number;
  /** Of the request that is changed. Before draft 17, where the stream does not say it. */
  readonly of?: number;
  readonly parameters: Parameters;
}

export function encodeRequestUpdate(message: RequestUpdate, caps: Capabilities): Uint8Array {
  const writer = putId(newWriter(caps).varint(message.requestId), message.of, caps);
  if (caps.fixedFields) return putUpdateFields(writer, message.parameters, caps).finish();
  return putParameters(writer, message.parameters, UPDATES, caps).finish();
}

export function readRequestUpdate(cursor: Cursor, context: ReadContext): RequestUpdate {
  const { caps } = context;
  const requestId = cursor.varint();
  const of = readId(cursor, caps);
  const parameters = caps.fixedFields ? readUpdateFields(cursor, caps) : readParameters(cursor, scopeOf(context), caps);
  return { requestId, ...(of === undefined ? {} : { of }), parameters };
}

/** The subscriber of a pushed track, who did not open the stream, updates a subscription like any other. */
function scopeOf({ request = "subscribe", opener = true }: ReadContext): Scope {
  return request === "publish" && !opener ? "subscribeUpdate" : `${request}Update`;
}
