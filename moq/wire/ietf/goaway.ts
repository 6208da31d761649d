import type { Cursor, Writer } from "../codec/index.ts";
import { newWriter, readCount } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import { TerminationError } from "./errors.ts";
import { URI_BYTES } from "./limits.ts";
import type { Capabilities } from "./versions.ts";

/** GOAWAY: the sender wants the session, or one request, to end. */
export interface Goaway {
  /** Where to go on; empty for the same URI. Only servers give one. */
  readonly uri: string;
  /** Milliseconds until the sender closes; 0 for no fixed time, and in drafts without it. */
  readonly timeout: number;
  /** The first request of the peer that was not processed. On control streams only, in drafts that have it. */
  readonly requestId?: number;
}

export function encodeGoaway({ uri, timeout, requestId }: Goaway, caps: Capabilities): Uint8Array {
  const writer: Writer = newWriter(caps).string(uri);
  if (caps.requestStreams) writer.varint(timeout);
  if (requestId !== undefined && caps.goawayRequestId) writer.varint(requestId);
  return writer.finish();
}

export function readGoaway(cursor: Cursor, { caps, from, request }: ReadContext): Goaway {
  const uri = cursor.string(URI_BYTES);
  if (uri !== "" && from === "client") throw cursor.violation("URI from a client");
  const timeout = caps.requestStreams ? readCount(cursor) : 0;
  if (request !== undefined || !caps.goawayRequestId) return { uri, timeout };
  const requestId = cursor.varint();
  if (requestId % 2 !== (from === "client" ? 1 : 0)) {
    throw new TerminationError("invalid_request_id", "GOAWAY", "request id of the wrong side");
  }
  return { uri, timeout, requestId };
}
