/** Which request a message is about, before draft 17: later, its stream says that. */
import type { Cursor, Writer } from "../codec/index.ts";
import type { RequestKind } from "./parameter-scopes.ts";
import type { Capabilities } from "./versions.ts";

/** A message that is about a request of one side or the other. */
export interface AboutRequest {
  /** Before draft 17, and only there. */
  readonly requestId?: number;
}

/** An answer to a request. */
export interface Answer extends AboutRequest {
  /**
   * The kind of request, where the message type depends on it: draft 14, and PUBLISH_OK of draft 16. Must be set to write such an answer, and
   * is set in one that was read.
   */
  readonly request?: RequestKind;
}

/** Writes the id where the draft has it there. A missing one is then a RangeError. */
export function putId(writer: Writer, id: number | undefined, { requestStreams }: Capabilities): Writer {
  return requestStreams ? writer : writer.varint(id ?? Number.NaN);
}

export function readId(cursor: Cursor, { requestStreams }: Capabilities): number | undefined {
  return requestStreams ? undefined : cursor.varint();
}

export function aboutRequest(cursor: Cursor, caps: Capabilities): AboutRequest {
  const requestId = readId(cursor, caps);
  return requestId === undefined ? {} : { requestId };
}
