import type { ObjectFilter, ObjectTest, Selection } from "../../model/index.ts";
import { FILTER_RANGES, type RangeFilter, someProperty, type ValueRange } from "../../wire/ietf/index.ts";
import type { Refusal } from "./refusal.ts";
import { turnedRound } from "./track-info.ts";

/** A request or an update has a filter that is not valid, or more ranges than MAX_FILTER_RANGES. */
export const INVALID_FILTER: Refusal = {
  reason: "unsupported",
  error: "invalid_filter",
  text: `a range filter is not valid, or there are more than ${FILTER_RANGES} ranges (MAX_FILTER_RANGES)`,
};

/**
 * The filters of a request after an update, which replaces all filters of the kinds that it names, with all their sets (Range Filters). Nothing
 * where they have too many ranges together.
 */
export function updatedFilters(
  before: readonly RangeFilter[] = [],
  update: readonly RangeFilter[] = [],
): readonly RangeFilter[] | undefined {
  if (update.length === 0) return before;
  const replaced = new Set(update.map(({ field }) => field));
  const filters = [...before.filter(({ field }) => !replaced.has(field)), ...update].filter(isSet);
  const ranges = filters.reduce((sum, one) => sum + Math.max(1, one.ranges.length), 0);
  return ranges > FILTER_RANGES ? undefined : filters;
}

/** The filters of the objects of one track, by what SUBSCRIBE_TRACKS asks for. Nothing where the track itself does not pass. */
export function filtersOfTrack(
  filters: readonly RangeFilter[],
  properties: Uint8Array,
): readonly RangeFilter[] | undefined {
  if (!filters.some(isSet)) return [];
  const passed = setsOf(filters)
    .filter((set) => set.every((one) => one.field !== "track_property" || hasProperty(one, properties)))
    .map((set) => set.filter(({ field }) => field !== "track_property"));
  if (passed.length === 0) return undefined;
  // A set that is met by the track alone wants all of its objects.
  return passed.some((set) => set.length === 0) ? [] : passed.flat();
}

/** By the filters of a request, so that they stay the same filter for as long as they are the same. */
const known = new WeakMap<readonly RangeFilter[], ObjectFilter>();

/** What the model wants to know of range filters. Nothing where there are none, so that objects are not judged. */
export function objectFilterOf(filters: readonly RangeFilter[] = []): ObjectFilter | undefined {
  if (!filters.some(isSet)) return undefined;
  const before = known.get(filters);
  if (before !== undefined) return before;
  const sets = setsOf(filters);
  const filter = { of: (subgroup: number | undefined, priority: number) => select(sets, subgroup, priority) };
  known.set(filters, filter);
  return filter;
}

/** An update takes filters of a kind away by one without a set. */
function isSet({ set }: RangeFilter): boolean {
  return set !== undefined;
}

/** Filters of one set must all pass, and those of one set at least. */
function setsOf(filters: readonly RangeFilter[]): RangeFilter[][] {
  return [...Map.groupBy(filters.filter(isSet), ({ set }) => set).values()];
}

/** An object of a datagram has no subgroup, so no filter of subgroups passes it. */
function select(sets: readonly RangeFilter[][], subgroup: number | undefined, priority: number): Selection {
  const tests: RangeFilter[][] = [];
  for (const set of sets) {
    const passes = set.every(({ field, ranges }) => {
      if (field === "subgroup") return subgroup !== undefined && isIn(ranges, subgroup);
      return field !== "priority" || isIn(ranges, turnedRound(priority));
    });
    if (!passes) continue;
    const rest = set.filter(({ field }) => field === "object" || field === "object_property");
    if (rest.length === 0) return "all";
    tests.push(rest);
  }
  return tests.length === 0 ? "none" : testOf(tests);
}

function testOf(sets: readonly RangeFilter[][]): ObjectTest {
  return (id, properties = NONE) =>
    sets.some((set) =>
      set.every((one) => (one.field === "object" ? isIn(one.ranges, id) : hasProperty(one, properties))),
    );
}

function hasProperty({ property = 0, ranges }: RangeFilter, properties: Uint8Array): boolean {
  return someProperty(properties, property, (value) => isIn(ranges, value));
}

function isIn(ranges: readonly ValueRange[], value: number): boolean {
  for (const { start, end } of ranges) if (value >= start && (end === undefined || value <= end)) return true;
  return false;
}

const NONE = new Uint8Array(0);
