import type { Cursor, Writer } from "../codec/index.ts";
import { readCount } from "./codec.ts";
import { type Location, putLocation, type RangeEnd } from "./location.ts";

/**
 * Which part of a track is asked for (Subscription Filters; Location Filters since draft 20). Both ends are included.
 *
 * - `next_object`: from the object after the largest.
 * - `relative`: from the start of a group. 0 is the next group, 1 the current one, 2 the one before it.
 * - `absolute`: from `start`, to `end` where there is one.
 */
export type LocationFilter =
  | { readonly kind: "next_object" }
  | { readonly kind: "relative"; readonly groups: number }
  | { readonly kind: "absolute"; readonly start: Location; readonly end?: RangeEnd };

/** Filter types of a Subscription Filter. */
const NEXT_GROUP = 1;
const LARGEST_OBJECT = 2;
const ABSOLUTE_START = 3;
const ABSOLUTE_RANGE = 4;

/** Group ids have 64 bits. */
const MAX_GROUP = 2n ** 64n - 1n;

/** A Subscription Filter, up to draft 19. */
export function readSubscriptionFilter(cursor: Cursor): LocationFilter {
  const type = cursor.varint();
  switch (type) {
    case NEXT_GROUP:
      return { kind: "relative", groups: 0 };
    case LARGEST_OBJECT:
      return { kind: "next_object" };
    case ABSOLUTE_START:
      return { kind: "absolute", start: { group: readCount(cursor), object: readCount(cursor) } };
    case ABSOLUTE_RANGE: {
      const group = cursor.varintBig();
      const object = readCount(cursor);
      const end = group + cursor.varintBig();
      if (end > MAX_GROUP) throw cursor.violation("end group over 2^64-1");
      return { kind: "absolute", start: { group: clipped(group), object }, end: { group: clipped(end) } };
    }
    default:
      throw cursor.violation("unknown filter type");
  }
}

/** A filter that a Subscription Filter cannot say is a RangeError: another relative start, or an end inside a group. */
export function putSubscriptionFilter(writer: Writer, filter: LocationFilter): Writer {
  switch (filter.kind) {
    case "next_object":
      return writer.varint(LARGEST_OBJECT);
    case "relative":
      if (filter.groups !== 0) throw new RangeError("a relative start other than the next group");
      return writer.varint(NEXT_GROUP);
    case "absolute": {
      const { start, end } = filter;
      if (end === undefined) return putLocation(writer.varint(ABSOLUTE_START), start);
      if (end.object !== undefined) throw new RangeError("an end inside a group");
      return putLocation(writer.varint(ABSOLUTE_RANGE), start).varint(end.group - start.group);
    }
  }
}

function clipped(value: bigint): number {
  return value > MAX_SAFE ? Number.MAX_SAFE_INTEGER : Number(value);
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
