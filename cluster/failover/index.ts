export { MeshSource, type MeshSourceDeps } from "./mesh-source.ts";
export { FAILOVER_METRICS, type FailoverCounters, GAP_METRICS, gapsOf } from "./metrics.ts";
