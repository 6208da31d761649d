import { type FetchRange, LAST_OBJECT, type Location } from "../../model/index.ts";
import type { LocationFilter } from "../../wire/ietf/index.ts";

/** The objects of a location filter up to the largest one, as a fetch has them (Location Filters). The start is after the end where there are none. */
export function rangeUpTo(filter: LocationFilter | undefined, largest: Location): FetchRange {
  switch (filter?.kind) {
    case undefined:
    case "none":
      return { start: FIRST, end: largest };
    case "next_object":
      return { start: { group: largest.group, object: largest.object + 1 }, end: largest };
    case "relative":
      return { start: { group: Math.max(0, largest.group + 1 - filter.groups), object: 0 }, end: largest };
    case "absolute": {
      const { start, end = largest } = filter;
      const last = { group: end.group, object: end.object ?? LAST_OBJECT };
      return { start, end: isAfter(last, largest) ? largest : last };
    }
  }
}

export function isAfter(a: Location, b: Location): boolean {
  return a.group > b.group || (a.group === b.group && a.object > b.object);
}

const FIRST: Location = { group: 0, object: 0 };
