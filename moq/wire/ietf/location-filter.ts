import type { Cursor, Writer } from "../codec/index.ts";
import { readCount } from "./codec.ts";
import { type Location, putLocation, type RangeEnd } from "./location.ts";
import type { Capabilities } from "./versions.ts";

/**
 * Which part of a track is asked for (Subscription Filters; Location Filters since draft 20). Both ends are included.
 *
 * - `none`: all of it. An update can lift a filter that way since draft 20.
 * - `next_object`: from the object after the largest.
 * - `relative`: from the start of a group. 0 is the next group, 1 the current one, 2 the one before it.
 * - `absolute`: from `start`, to `end` where there is one.
 */
export type LocationFilter =
  | { readonly kind: "none" }
  | { readonly kind: "next_object" }
  | { readonly kind: "relative"; readonly groups: number }
  | { readonly kind: "absolute"; readonly start: Location; readonly end?: RangeEnd };

/** Types of a Subscription Filter. */
const SUBSCRIPTION = { nextGroup: 1, largestObject: 2, absoluteStart: 3, absoluteRange: 4 } as const;

/** Location Filter Types. */
const TYPE = { none: 0, relative: 1, start: 2, groupEnd: 3, range: 4, nextObject: 5 } as const;

/** Group ids have 64 bits. */
const MAX_GROUP = 2n ** 64n - 1n;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Reads a filter: up to the end of `cursor`, or as many fields as its type has. Larger numbers than 2^53-1 are read as that. */
export function readLocationFilter(cursor: Cursor, caps: Capabilities): LocationFilter {
  switch (caps.locationFilter) {
    case "end_group":
    case "end_delta":
      return readSubscriptionFilter(cursor, caps);
    case "fields":
      return readFields(cursor);
    case "typed":
      return readTyped(cursor);
  }
}

/** A filter that the draft cannot say is a RangeError. */
export function putLocationFilter(writer: Writer, filter: LocationFilter, caps: Capabilities): Writer {
  switch (caps.locationFilter) {
    case "end_group":
    case "end_delta":
      return putSubscriptionFilter(writer, filter, caps);
    case "fields":
      return putFields(writer, filter);
    case "typed":
      return putTyped(writer, filter);
  }
}

function readSubscriptionFilter(cursor: Cursor, caps: Capabilities): LocationFilter {
  const type = cursor.varint();
  switch (type) {
    case SUBSCRIPTION.nextGroup:
      return { kind: "relative", groups: 0 };
    case SUBSCRIPTION.largestObject:
      return { kind: "next_object" };
    case SUBSCRIPTION.absoluteStart:
      return { kind: "absolute", start: readStart(cursor) };
    case SUBSCRIPTION.absoluteRange:
      if (caps.locationFilter === "end_delta") return readGroupEnd(cursor);
      return { kind: "absolute", start: readStart(cursor), end: { group: readCount(cursor) } };
    default:
      throw cursor.violation("unknown filter type");
  }
}

/** It has no other relative start than the next group, and no end inside a group. */
function putSubscriptionFilter(writer: Writer, filter: LocationFilter, caps: Capabilities): Writer {
  switch (filter.kind) {
    case "none":
      return putLocation(writer.varint(SUBSCRIPTION.absoluteStart), { group: 0, object: 0 });
    case "next_object":
      return writer.varint(SUBSCRIPTION.largestObject);
    case "relative":
      if (filter.groups !== 0) throw new RangeError("a relative start other than the next group");
      return writer.varint(SUBSCRIPTION.nextGroup);
    case "absolute": {
      const { start, end } = filter;
      if (end === undefined) return putLocation(writer.varint(SUBSCRIPTION.absoluteStart), start);
      if (end.object !== undefined) throw new RangeError("an end inside a group");
      putLocation(writer.varint(SUBSCRIPTION.absoluteRange), start);
      return writer.varint(caps.locationFilter === "end_delta" ? end.group - start.group : end.group);
    }
  }
}

/** No field is no filter, one is a relative start, and two of 0 are the next object. */
function readFields(cursor: Cursor): LocationFilter {
  if (cursor.left === 0) return { kind: "none" };
  const group = cursor.varintBig();
  if (cursor.left === 0) return { kind: "relative", groups: clipped(group) };
  const object = readCount(cursor);
  const start = { group: clipped(group), object };
  if (cursor.left === 0) return group === 0n && object === 0 ? { kind: "next_object" } : { kind: "absolute", start };
  const end = readEnd(cursor, group);
  if (cursor.left === 0) return { kind: "absolute", start, end };
  return { kind: "absolute", start, end: { ...end, object: readCount(cursor) } };
}

function putFields(writer: Writer, filter: LocationFilter): Writer {
  switch (filter.kind) {
    case "none":
      return writer;
    case "next_object":
      return writer.varint(0).varint(0);
    case "relative":
      return writer.varint(filter.groups);
    case "absolute":
      // From the first object on is everything, and its two fields would mean the next object.
      if (filter.end === undefined && filter.start.group === 0 && filter.start.object === 0) return writer;
      return putRange(writer, filter.start, filter.end);
  }
}

function readTyped(cursor: Cursor): LocationFilter {
  const type = cursor.varint();
  switch (type) {
    case TYPE.none:
      return { kind: "none" };
    case TYPE.relative:
      return { kind: "relative", groups: readCount(cursor) };
    case TYPE.start:
      return { kind: "absolute", start: readStart(cursor) };
    case TYPE.groupEnd:
      return readGroupEnd(cursor);
    case TYPE.range: {
      const { start, end } = readGroupEnd(cursor);
      return { kind: "absolute", start, end: { ...end, object: readCount(cursor) } };
    }
    case TYPE.nextObject:
      return { kind: "next_object" };
    default:
      throw cursor.violation("unknown filter type");
  }
}

function putTyped(writer: Writer, filter: LocationFilter): Writer {
  switch (filter.kind) {
    case "none":
      return writer.varint(TYPE.none);
    case "next_object":
      return writer.varint(TYPE.nextObject);
    case "relative":
      return writer.varint(TYPE.relative).varint(filter.groups);
    case "absolute": {
      const { start, end } = filter;
      if (end === undefined) writer.varint(TYPE.start);
      else writer.varint(end.object === undefined ? TYPE.groupEnd : TYPE.range);
      return putRange(writer, start, end);
    }
  }
}

function readStart(cursor: Cursor): Location {
  return { group: readCount(cursor), object: readCount(cursor) };
}

/** A start, and how many groups later the end is. */
function readGroupEnd(cursor: Cursor): { kind: "absolute"; start: Location; end: { readonly group: number } } {
  const group = cursor.varintBig();
  const object = readCount(cursor);
  return { kind: "absolute", start: { group: clipped(group), object }, end: readEnd(cursor, group) };
}

function readEnd(cursor: Cursor, start: bigint): { readonly group: number } {
  const end = start + cursor.varintBig();
  if (end > MAX_GROUP) throw cursor.violation("end group over 2^64-1");
  return { group: clipped(end) };
}

function putRange(writer: Writer, start: Location, end: RangeEnd | undefined): Writer {
  putLocation(writer, start);
  if (end !== undefined) writer.varint(end.group - start.group);
  if (end?.object !== undefined) writer.varint(end.object);
  return writer;
}

function clipped(value: bigint): number {
  return value > MAX_SAFE ? Number.MAX_SAFE_INTEGER : Number(value);
}
