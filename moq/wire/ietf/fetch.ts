import type { Cursor, Writer } from "../codec/index.ts";
import { newWriter, readCount } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import {
  putFetchFields,
  putFetchOkOrder,
  putPublished,
  readFetchFields,
  readFetchOkOrder,
  readPublished,
} from "./fixed-fields.ts";
import {
  putExclusiveEnd,
  putInclusiveEnd,
  putLocation,
  type RangeEnd,
  readExclusiveEnd,
  readInclusiveEnd,
} from "./location.ts";
import { type FullTrackName, putFullTrackName, readFullTrackName } from "./names.ts";
import { type Parameters, putParameters, readParameters } from "./parameters.ts";
import { propertyBytes, readPropertyBytes } from "./properties.ts";
import { type AboutRequest, aboutRequest, putId } from "./request-ids.ts";
import type { Capabilities } from "./versions.ts";

/** What a joining fetch joins, before draft 20: a subscription, which says which track and up to where. */
export interface Joining {
  /** The request id of the subscription. */
  readonly subscription: number;
  /** The first group, or how many groups before the largest the first one is. */
  readonly start: number;
  readonly relative: boolean;
}

/** FETCH: asks for objects that are there already, of a track or of what a subscription has missed. */
export interface Fetch {
  readonly requestId: number;
  readonly of: FullTrackName | Joining;
  /** Of a track: `filter` is the range, and both of its ends are included. Before draft 20 it is absolute and has both. */
  readonly parameters: Parameters;
}

/** FETCH_OK: the fetch is accepted, and the range that it brings is known. */
export interface FetchOk extends AboutRequest {
  /** The track is over, and `end` is its last object. */
  readonly endOfTrack: boolean;
  readonly end: RangeEnd;
  readonly parameters: Parameters;
  /** Track properties in the form of draft 18 and later. */
  readonly properties: Uint8Array;
}

const STANDALONE = 1;
const RELATIVE_JOINING = 2;
const ABSOLUTE_JOINING = 3;

export function encodeFetch({ requestId, of, parameters }: Fetch, caps: Capabilities): Uint8Array {
  const writer = newWriter(caps).varint(requestId);
  if (caps.fill) {
    if ("subscription" in of) throw new RangeError(`no joining fetch in ${caps.protocol}`);
    return putParameters(putFullTrackName(writer, of, caps), parameters, "fetch", caps).finish();
  }
  if (caps.fixedFields) putFetchFields(writer, parameters);
  if ("subscription" in of) {
    writer
      .varint(of.relative ? RELATIVE_JOINING : ABSOLUTE_JOINING)
      .varint(of.subscription)
      .varint(of.start);
    return putParameters(writer, parameters, "fetch", caps).finish();
  }
  const { filter, ...rest } = parameters;
  putFullTrackName(writer.varint(STANDALONE), of, caps);
  putRange(writer, filter);
  return putParameters(writer, rest, "fetch", caps).finish();
}

/** Such a fetch has both ends, and neither is relative; anything else is a RangeError. */
function putRange(writer: Writer, filter: Parameters["filter"]): void {
  if (filter?.kind !== "absolute" || filter.end === undefined) throw new RangeError("a fetch without both ends");
  putExclusiveEnd(putLocation(writer, filter.start), filter.end);
}

export function readFetch(cursor: Cursor, { caps }: ReadContext): Fetch {
  const requestId = cursor.varint();
  if (caps.fill) {
    return { requestId, of: readFullTrackName(cursor, caps), parameters: readParameters(cursor, "fetch", caps) };
  }
  const fields = caps.fixedFields ? readFetchFields(cursor) : {};
  const type = cursor.varint();
  switch (type) {
    case STANDALONE: {
      const track = readFullTrackName(cursor, caps);
      const start = { group: readCount(cursor), object: readCount(cursor) };
      const end = readExclusiveEnd(cursor);
      const parameters = { ...fields, ...readParameters(cursor, "fetch", caps) };
      return { requestId, of: track, parameters: { ...parameters, filter: { kind: "absolute", start, end } } };
    }
    case RELATIVE_JOINING:
    case ABSOLUTE_JOINING: {
      const subscription = cursor.varint();
      const of = { subscription, start: readCount(cursor), relative: type === RELATIVE_JOINING };
      return { requestId, of, parameters: { ...fields, ...readParameters(cursor, "fetch", caps) } };
    }
    default:
      throw cursor.violation("unknown fetch type");
  }
}

export function encodeFetchOk(message: FetchOk, caps: Capabilities): Uint8Array {
  const writer = putId(newWriter(caps), message.requestId, caps);
  if (caps.fixedFields) putFetchOkOrder(writer, message);
  writer.bool(message.endOfTrack);
  if (caps.fill) putInclusiveEnd(writer, message.end);
  else putExclusiveEnd(writer, message.end);
  if (caps.fixedFields) return putPublished(writer, message, caps).finish();
  return putParameters(writer, message.parameters, "fetchOk", caps)
    .raw(propertyBytes(message.properties, caps))
    .finish();
}

export function readFetchOk(cursor: Cursor, { caps }: ReadContext): FetchOk {
  const about = aboutRequest(cursor, caps);
  const groupOrder = caps.fixedFields ? readFetchOkOrder(cursor) : undefined;
  const endOfTrack = cursor.bool();
  const end = caps.fill ? readInclusiveEnd(cursor) : readExclusiveEnd(cursor);
  if (caps.fixedFields) return { ...about, endOfTrack, end, ...readPublished(cursor, groupOrder, "fetchOk", caps) };
  const parameters = readParameters(cursor, "fetchOk", caps);
  return { ...about, endOfTrack, end, parameters, properties: readPropertyBytes(cursor, caps) };
}
