export { FAILOVER_METRICS, type FailoverCounters, MeshSource, type MeshSourceDeps } from "./mesh-source.ts";
