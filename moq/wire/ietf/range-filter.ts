import { type Cursor, ProtocolViolation, type Writer } from "../codec/index.ts";
import { FILTER_RANGES } from "./limits.ts";

/** Values from `start` to `end`, both included; without an end all from `start` on. */
export interface ValueRange {
  readonly start: number;
  readonly end?: number;
}

/** What a range filter compares. */
export type FilteredField = "subgroup" | "object" | "priority" | "object_property" | "track_property";

/**
 * A range filter (Range Filters): it passes what is in one of its ranges. Filters of one set must all pass, and one set must. Without a set
 * it takes all filters of that field away.
 */
export interface RangeFilter {
  readonly field: FilteredField;
  /** 0 to 255. */
  readonly set?: number;
  /** The type of the property, which is even. */
  readonly property?: number;
  readonly ranges: readonly ValueRange[];
}

/** The types of the parameters. */
export const RANGE_FILTERS: Readonly<Record<FilteredField, number>> = {
  subgroup: 0x25,
  object: 0x26,
  priority: 0x27,
  object_property: 0x28,
  track_property: 0x29,
};

/** A filter that must be refused with INVALID_FILTER. */
export class InvalidFilter extends Error {}

/** Reads the value of a parameter to its end. Values over 2^53-1 are read as 2^53, which no value is, and such an end as none. */
export function readRangeFilter(cursor: Cursor, field: FilteredField, left: number): RangeFilter {
  try {
    return readValue(cursor, field, left);
  } catch (error) {
    if (error instanceof ProtocolViolation) throw new InvalidFilter(error.message);
    throw error;
  }
}

function readValue(cursor: Cursor, field: FilteredField, left: number): RangeFilter {
  if (cursor.left === 0) return { field, ranges: [] };
  const set = cursor.u8();
  const property = hasProperty(field) ? propertyType(cursor) : undefined;
  const ranges: ValueRange[] = [];
  let last = 0n;
  const next = () => {
    last += cursor.varintBig();
    if (last > MAX) throw new InvalidFilter("value over 2^64-1");
    if (field === "priority" && last > 255n) throw new InvalidFilter("priority over 255");
    return last > MAX_SAFE ? Number.MAX_SAFE_INTEGER + 1 : Number(last);
  };
  while (cursor.left > 0) {
    if (ranges.length === left) throw new InvalidFilter(`more than ${FILTER_RANGES} ranges`);
    const start = next();
    const end = cursor.left > 0 ? next() : undefined;
    ranges.push(end === undefined || end > Number.MAX_SAFE_INTEGER ? { start } : { start, end });
  }
  return { field, set, ...(property === undefined ? {} : { property }), ranges };
}

/** Ranges must ascend, and only the last one may be without an end; anything else is a RangeError. */
export function putRangeFilter(writer: Writer, { field, set, property, ranges }: RangeFilter): Writer {
  if (set === undefined) return writer;
  writer.u8(set);
  if (hasProperty(field)) writer.varint(property ?? Number.NaN);
  let last = 0;
  for (const [at, { start, end }] of ranges.entries()) {
    writer.varint(start - last);
    if (end === undefined && at < ranges.length - 1) throw new RangeError("a range without an end before the last one");
    if (end !== undefined) writer.varint(end - start);
    last = end ?? start;
  }
  return writer;
}

/** Whether two filters may not be in one message. */
export function isSameFilter(a: RangeFilter, b: RangeFilter): boolean {
  return a.field === b.field && a.set === b.set && a.property === b.property;
}

function hasProperty(field: FilteredField): boolean {
  return field === "object_property" || field === "track_property";
}

function propertyType(cursor: Cursor): number {
  const type = cursor.varint();
  if (type % 2 !== 0) throw new InvalidFilter("property type is odd");
  return type;
}

const MAX = 2n ** 64n - 1n;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
