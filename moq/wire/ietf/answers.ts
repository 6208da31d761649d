import { type Cursor, ProtocolViolation, type Writer } from "../codec/index.ts";
import { newWriter, readCount } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import { putPublisherFields, putSubscriberFields, readPublisherFields, readSubscriberFields } from "./fixed-fields.ts";
import { REASON_BYTES, URI_BYTES } from "./limits.ts";
import { type FullTrackName, putFullTrackName, readFullTrackName } from "./names.ts";
import { ANSWERS, type RequestKind, type Scope } from "./parameter-scopes.ts";
import { type Parameters, putParameters, readParameters } from "./parameters.ts";
import { readPropertyBytes } from "./properties.ts";
import { type Answer, aboutRequest, putId } from "./request-ids.ts";
import type { Capabilities } from "./versions.ts";

/** REQUEST_OK: the request or update is accepted. */
export interface RequestOk extends Answer {
  readonly parameters: Parameters;
  /** Track properties as on the wire, in the answer to TRACK_STATUS only. */
  readonly properties: Uint8Array;
}

/** Where the peer may find what it asked for (Redirect Structure). */
export interface Redirect extends FullTrackName {
  /** Empty for the URI of this session. */
  readonly uri: string;
}

/** REQUEST_ERROR: the request or update is refused. */
export interface RequestError extends Answer {
  /** Of the draft's registry; see `codes.ts`. */
  readonly code: number;
  /** Milliseconds after which the request may be sent again; absent: it should not be, and in draft 14. */
  readonly retryAfter?: number;
  readonly reason: string;
  /** With {@link REDIRECT}, and only then. */
  readonly redirect?: Redirect;
}

/** The code of a REQUEST_ERROR that has a redirect. */
export const REDIRECT = 0x34;

/** Requests for names. A redirect of them names no track. */
const NAMESPACE_REQUESTS: readonly (RequestKind | undefined)[] = [
  "publishNamespace",
  "subscribeNamespace",
  "subscribeTracks",
];

export function encodeRequestOk(message: RequestOk, caps: Capabilities): Uint8Array {
  const writer = putId(newWriter(caps), message.requestId, caps);
  if (caps.fixedFields) return putFixed(writer, message, caps).finish();
  putParameters(writer, message.parameters, ANSWERS, caps);
  return (caps.requestStreams ? writer.raw(message.properties) : writer).finish();
}

export function readRequestOk(cursor: Cursor, context: ReadContext): RequestOk {
  const { caps, request = "subscribe", update = false } = context;
  if (!caps.requestStreams) return readMultiplexedOk(cursor, context);
  const scope: Scope = update ? "updateOk" : `${request}Ok`;
  const parameters = readParameters(cursor, scope, caps);
  const properties = readPropertyBytes(cursor, caps);
  if (properties.length > 0 && scope !== "trackStatusOk") throw cursor.violation("unexpected track properties");
  return { parameters, properties };
}

/** With a request id, and before draft 15 in the form of each kind. */
function readMultiplexedOk(cursor: Cursor, context: ReadContext): RequestOk {
  const { caps, answered } = context;
  const about = readAnswer(cursor, context);
  switch (caps.fixedFields ? answered : undefined) {
    case undefined:
      return { ...about, parameters: readParameters(cursor, "updateOk", caps), properties: NONE };
    case "publish":
      return { ...about, parameters: readSubscriberFields(cursor, "publishOk", true, caps), properties: NONE };
    case "trackStatus":
      // The alias is always 0, and means nothing.
      cursor.saturating();
      return { ...about, ...readPublisherFields(cursor, false, caps) };
    default:
      // The draft has nothing more. Some peers add parameters, as later drafts have them.
      return {
        ...about,
        parameters: cursor.left === 0 ? {} : readParameters(cursor, "updateOk", caps),
        properties: NONE,
      };
  }
}

function putFixed(writer: Writer, message: RequestOk, caps: Capabilities): Writer {
  if (message.request === "publish") return putSubscriberFields(writer, message.parameters, true, caps);
  return message.request === "trackStatus" ? putPublisherFields(writer.varint(0), message, false, caps) : writer;
}

/** The fields of an answer that say what it answers. */
function readAnswer(cursor: Cursor, { caps, answered }: ReadContext): Answer {
  return { ...aboutRequest(cursor, caps), ...(answered === undefined ? {} : { request: answered }) };
}

export function encodeRequestError(message: RequestError, caps: Capabilities): Uint8Array {
  const { code, retryAfter, reason, redirect } = message;
  const writer = putId(newWriter(caps), message.requestId, caps).varint(code);
  if (caps.commonAnswers) writer.varint(retryAfter === undefined ? 0 : retryAfter + 1);
  writer.string(shortReason(reason));
  if (!caps.requestStreams) return writer.finish();
  if ((redirect !== undefined) !== (code === REDIRECT)) {
    throw new RangeError("a redirect is there exactly with REDIRECT");
  }
  if (redirect !== undefined) putFullTrackName(writer.string(redirect.uri), redirect, caps);
  return writer.finish();
}

export function readRequestError(cursor: Cursor, context: ReadContext): RequestError {
  const { caps } = context;
  const about = readAnswer(cursor, context);
  const code = readCount(cursor);
  const retry = caps.commonAnswers ? readCount(cursor) : 0;
  const reason = readReason(cursor);
  return {
    ...about,
    code,
    ...(retry === 0 ? {} : { retryAfter: retry - 1 }),
    reason,
    ...(code === REDIRECT && caps.requestStreams ? { redirect: readRedirect(cursor, context) } : {}),
  };
}

function readRedirect(cursor: Cursor, { caps, from, request }: ReadContext): Redirect {
  const uri = cursor.string(URI_BYTES);
  if (uri !== "" && from === "client") throw new ProtocolViolation("Redirect", "URI from a client");
  const track = readFullTrackName(cursor, caps);
  if (track.name.length > 0 && NAMESPACE_REQUESTS.includes(request)) {
    throw new ProtocolViolation("Redirect", "track name for a request of a namespace");
  }
  return { uri, ...track };
}

/** Why something failed, for people to read. It should be UTF-8. */
export function readReason(cursor: Cursor): string {
  const length = cursor.varint();
  if (length > REASON_BYTES) throw cursor.violation(`reason of ${length} bytes, at most ${REASON_BYTES}`);
  return decoder.decode(cursor.raw(length));
}

/** `reason`, cut off where it is too long. */
export function shortReason(reason: string): string {
  const bytes = encoder.encode(reason);
  if (bytes.length <= REASON_BYTES) return reason;
  // Cuts a character in the middle away as a whole.
  return decoder.decode(bytes.subarray(0, REASON_BYTES - REPLACEMENT_BYTES)).replace(/\ufffd+$/, "");
}

const NONE = new Uint8Array(0);
const decoder = new TextDecoder();
const encoder = new TextEncoder();
/** Bytes of U+FFFD, which may stand for a character that was cut. */
const REPLACEMENT_BYTES = 3;
