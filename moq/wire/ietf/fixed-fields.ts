/** Fields of draft 14 that are parameters, or properties of the track, since draft 15. */
import type { Cursor, Writer } from "../codec/index.ts";
import { readCount } from "./codec.ts";
import { type Location, putLocation, readLocation } from "./location.ts";
import { type LocationFilter, putLocationFilter, readLocationFilter } from "./location-filter.ts";
import type { Scope } from "./parameter-scopes.ts";
import { type GroupOrder, type Parameters, putParameters, readParameters } from "./parameters.ts";
import { encodeTrackProperties, readTrackProperties } from "./properties.ts";
import type { Capabilities } from "./versions.ts";

/** The priority of a subscription or fetch that has none. */
const DEFAULT_PRIORITY = 128;
/** A subscription without a filter. */
const EVERYTHING: LocationFilter = { kind: "absolute", start: { group: 0, object: 0 } };
/** The order that the publisher prefers. */
const PUBLISHERS_ORDER = 0;

/** SUBSCRIBE, TRACK_STATUS and PUBLISH_OK, after the track's name or the request id. */
export function putSubscriberFields(writer: Writer, parameters: Parameters, ok: boolean, caps: Capabilities): Writer {
  const { priority = DEFAULT_PRIORITY, groupOrder, forward = true, filter = EVERYTHING, ...rest } = parameters;
  if (ok) writer.bool(forward);
  writer.u8(priority).u8(groupOrder === undefined && ok ? orderOf("ascending") : orderOf(groupOrder));
  if (!ok) writer.bool(forward);
  return putParameters(putLocationFilter(writer, filter, caps), rest, "subscribe", caps);
}

export function readSubscriberFields(cursor: Cursor, scope: Scope, ok: boolean, caps: Capabilities): Parameters {
  const before = ok ? cursor.bool() : undefined;
  const priority = cursor.u8();
  const groupOrder = readOrder(cursor, ok);
  const forward = before ?? cursor.bool();
  const filter = readLocationFilter(cursor, caps);
  const fields = { priority, forward, filter, ...(groupOrder === undefined ? {} : { groupOrder }) };
  return { ...fields, ...readParameters(cursor, scope, caps) };
}

/** What a publisher says of a track. */
interface Published {
  readonly parameters: Parameters;
  readonly properties: Uint8Array;
}

/** SUBSCRIBE_OK, TRACK_STATUS_OK and PUBLISH, after the alias. Only PUBLISH has no expiry, and a flag whether it forwards. */
export function putPublisherFields(
  writer: Writer,
  { parameters, properties }: Published,
  publish: boolean,
  caps: Capabilities,
): Writer {
  const { expires = 0, largest, forward = true, groupOrder, ...rest } = parameters;
  if (!publish) writer.varint(expires);
  writer.u8(orderOf(groupOrder ?? readTrackProperties(properties).groupOrder ?? "ascending"));
  putLargest(writer, largest);
  if (publish) writer.bool(forward);
  return putPublished(writer, { parameters: rest, properties }, caps);
}

export function readPublisherFields(cursor: Cursor, publish: boolean, caps: Capabilities): Published {
  const expires = publish ? 0 : readCount(cursor);
  const groupOrder = readOrder(cursor, true);
  const largest = cursor.bool() ? readLocation(cursor) : undefined;
  const forward = publish ? cursor.bool() : undefined;
  const fields = {
    ...(expires === 0 ? {} : { expires }),
    ...(largest === undefined ? {} : { largest }),
    ...(forward === undefined ? {} : { forward }),
  };
  const { parameters, properties } = readPublished(cursor, groupOrder, publish ? "publish" : "subscribeOk", caps);
  return { parameters: { ...fields, ...parameters }, properties };
}

/** FETCH, after the request id. */
export function putFetchFields(writer: Writer, { priority = DEFAULT_PRIORITY, groupOrder }: Parameters): Writer {
  return writer.u8(priority).u8(orderOf(groupOrder));
}

export function readFetchFields(cursor: Cursor): Parameters {
  const priority = cursor.u8();
  const groupOrder = readOrder(cursor, false);
  return { priority, ...(groupOrder === undefined ? {} : { groupOrder }) };
}

/** FETCH_OK has the order before its other fields. */
export function putFetchOkOrder(writer: Writer, { parameters, properties }: Published): Writer {
  return writer.u8(orderOf(parameters.groupOrder ?? readTrackProperties(properties).groupOrder ?? "ascending"));
}

export function readFetchOkOrder(cursor: Cursor): GroupOrder {
  return readOrder(cursor, true) ?? "ascending";
}

/** SUBSCRIBE_UPDATE, after its two request ids. It needs a start; a filter without one is a RangeError. */
export function putUpdateFields(writer: Writer, parameters: Parameters, caps: Capabilities): Writer {
  const { priority = DEFAULT_PRIORITY, forward = true, filter = EVERYTHING, ...rest } = parameters;
  if (filter.kind !== "absolute" || filter.end?.object !== undefined) throw new RangeError("an update without a range");
  putLocation(writer, filter.start).varint(filter.end === undefined ? 0 : filter.end.group + 1);
  return putParameters(writer.u8(priority).bool(forward), rest, "subscribeUpdate", caps);
}

export function readUpdateFields(cursor: Cursor, caps: Capabilities): Parameters {
  const start = { group: readCount(cursor), object: readCount(cursor) };
  const end = readCount(cursor);
  const filter: LocationFilter = { kind: "absolute", start, ...(end === 0 ? {} : { end: { group: end - 1 } }) };
  const fields = { filter, priority: cursor.u8(), forward: cursor.bool() };
  return { ...fields, ...readParameters(cursor, "subscribeUpdate", caps) };
}

/** Parameters that say what is a property of the track since draft 15: time-outs of delivery and of caches. */
export function putPublished(writer: Writer, { parameters, properties }: Published, caps: Capabilities): Writer {
  const { objectDeliveryTimeout, maxCacheDuration } = readTrackProperties(properties);
  const ofTrack = {
    ...(objectDeliveryTimeout === undefined ? {} : { objectDeliveryTimeout }),
    ...(maxCacheDuration === undefined ? {} : { maxCacheDuration }),
  };
  return putParameters(writer, { ...parameters, ...ofTrack }, "publish", caps);
}

export function readPublished(
  cursor: Cursor,
  groupOrder: GroupOrder | undefined,
  scope: Scope,
  caps: Capabilities,
): Published {
  const { objectDeliveryTimeout, maxCacheDuration, ...parameters } = readParameters(cursor, scope, caps);
  const properties = encodeTrackProperties({
    ...(objectDeliveryTimeout === undefined ? {} : { objectDeliveryTimeout }),
    ...(maxCacheDuration === undefined ? {} : { maxCacheDuration }),
    ...(groupOrder === undefined ? {} : { groupOrder }),
  });
  return { parameters, properties };
}

function putLargest(writer: Writer, largest: Location | undefined): void {
  writer.bool(largest !== undefined);
  if (largest !== undefined) putLocation(writer, largest);
}

const ORDERS: readonly (GroupOrder | undefined)[] = [undefined, "ascending", "descending"];

function orderOf(order: GroupOrder | undefined): number {
  return order === undefined ? PUBLISHERS_ORDER : ORDERS.indexOf(order);
}

/** `known`: it must be one of the two. */
function readOrder(cursor: Cursor, known: boolean): GroupOrder | undefined {
  const value = cursor.u8();
  if (value >= ORDERS.length || (known && value === PUBLISHERS_ORDER)) throw cursor.violation("unknown group order");
  return ORDERS[value];
}
