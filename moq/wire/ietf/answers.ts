import { type Cursor, ProtocolViolation } from "../codec/index.ts";
import { newWriter, readCount } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import { REASON_BYTES, URI_BYTES } from "./limits.ts";
import { type FullTrackName, putFullTrackName, readFullTrackName } from "./names.ts";
import type { RequestKind, Scope } from "./parameter-scopes.ts";
import { type Parameters, putParameters, readParameters } from "./parameters.ts";
import { readPropertyBytes } from "./properties.ts";
import type { Capabilities } from "./versions.ts";

/** REQUEST_OK: the request or update is accepted. */
export interface RequestOk {
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
export interface RequestError {
  /** Of the draft's registry; see `codes.ts`. */
  readonly code: number;
  /** Milliseconds after which the request may be sent again; absent: it should not be. */
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
  return putParameters(newWriter(caps), message.parameters, caps).raw(message.properties).finish();
}

export function readRequestOk(cursor: Cursor, { caps, request = "subscribe", update = false }: ReadContext): RequestOk {
  const scope: Scope = update ? "updateOk" : `${request}Ok`;
  const parameters = readParameters(cursor, scope, caps);
  const properties = readPropertyBytes(cursor, caps);
  if (properties.length > 0 && scope !== "trackStatusOk") throw cursor.violation("unexpected track properties");
  return { parameters, properties };
}

export function encodeRequestError(message: RequestError, caps: Capabilities): Uint8Array {
  const { code, retryAfter, reason, redirect } = message;
  const writer = newWriter(caps)
    .varint(code)
    .varint(retryAfter === undefined ? 0 : retryAfter + 1);
  writer.string(shortReason(reason));
  if ((redirect !== undefined) !== (code === REDIRECT))
    throw new RangeError("a redirect is there exactly with REDIRECT");
  if (redirect !== undefined) putFullTrackName(writer.string(redirect.uri), redirect);
  return writer.finish();
}

export function readRequestError(cursor: Cursor, context: ReadContext): RequestError {
  const code = readCount(cursor);
  const retry = readCount(cursor);
  const reason = readReason(cursor);
  return {
    code,
    ...(retry === 0 ? {} : { retryAfter: retry - 1 }),
    reason,
    ...(code === REDIRECT ? { redirect: readRedirect(cursor, context) } : {}),
  };
}

function readRedirect(cursor: Cursor, { from, request }: ReadContext): Redirect {
  const uri = cursor.string(URI_BYTES);
  if (uri !== "" && from === "client") throw new ProtocolViolation("Redirect", "URI from a client");
  const track = readFullTrackName(cursor);
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

const decoder = new TextDecoder();
const encoder = new TextEncoder();
/** Bytes of U+FFFD, which may stand for a character that was cut. */
const REPLACEMENT_BYTES = 3;
