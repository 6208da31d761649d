/** The name of every metric starts with it. */
export const METRIC_PREFIX = "moqmesh_";
