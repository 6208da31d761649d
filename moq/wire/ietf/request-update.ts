import type { Cursor } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import type { Scope } from "./parameter-scopes.ts";
import { type Parameters, putParameters, readParameters } from "./parameters.ts";
import type { Capabilities } from "./versions.ts";

/** REQUEST_UPDATE changes parameters of a request. What is absent stays as it is. */
export interface RequestUpdate {
  /** Of this message. */
  readonly requestId: number;
  readonly parameters: Parameters;
}

export function encodeRequestUpdate(message: RequestUpdate, caps: Capabilities): Uint8Array {
  return putParameters(newWriter(caps).varint(message.requestId), message.parameters, caps).finish();
}

export function readRequestUpdate(cursor: Cursor, context: ReadContext): RequestUpdate {
  return { requestId: cursor.varint(), parameters: readParameters(cursor, scopeOf(context), context.caps) };
}

/** The subscriber of a pushed track, who did not open the stream, updates a subscription like any other. */
function scopeOf({ request = "subscribe", opener = true }: ReadContext): Scope {
  return request === "publish" && !opener ? "subscribeUpdate" : `${request}Update`;
}
