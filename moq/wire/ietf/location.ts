import type { Cursor, Writer } from "../codec/index.ts";
import { readCount } from "./codec.ts";

/** An object of a track (Location Structure). */
export interface Location {
  readonly group: number;
  readonly object: number;
}

/** The last object of a range. Without an object it is the last one of the group. */
export interface RangeEnd {
  readonly group: number;
  readonly object?: number;
}

export function readLocation(cursor: Cursor): Location {
  return { group: cursor.varint(), object: cursor.varint() };
}

export function putLocation(writer: Writer, { group, object }: Location): Writer {
  return writer.varint(group).varint(object);
}

/** An end as FETCH and FETCH_OK have it before draft 20: the object plus one, or 0 for the whole group. */
export function readExclusiveEnd(cursor: Cursor): RangeEnd {
  const group = readCount(cursor);
  const object = readCount(cursor);
  return object === 0 ? { group } : { group, object: object - 1 };
}

export function putExclusiveEnd(writer: Writer, { group, object }: RangeEnd): Writer {
  return writer.varint(group).varint(object === undefined ? 0 : object + 1);
}

/** An end as FETCH_OK has it since draft 20: the last location. The largest object stands for the whole group. */
export function readInclusiveEnd(cursor: Cursor): RangeEnd {
  const group = readCount(cursor);
  const object = cursor.saturating();
  return object > Number.MAX_SAFE_INTEGER ? { group } : { group, object };
}

export function putInclusiveEnd(writer: Writer, { group, object }: RangeEnd): Writer {
  writer.varint(group);
  return object === undefined ? writer.varintBig(LARGEST_OBJECT) : writer.varint(object);
}

/** Object ids have 64 bits. */
const LARGEST_OBJECT = 2n ** 64n - 1n;
