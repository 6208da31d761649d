import type { Parameters } from "../../wire/ietf/index.ts";
import { updatedFilters } from "./range-filters.ts";

/**
 * The parameters of a subscription after an update: what the update leaves out stays as it is. FILL_PARAMETERS are for the message alone that
 * has them. Nothing where the update has a filter that is not valid.
 */
export function updatedParameters(before: Parameters, update: Parameters): Parameters | undefined {
  const rangeFilters = updatedFilters(before.rangeFilters, update.rangeFilters);
  if (update.invalidFilter || rangeFilters === undefined) return undefined;
  const { fill: _, ...after } = { ...before, ...update, rangeFilters };
  return after;
}
