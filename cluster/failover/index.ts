export { HITLESS_METRICS, Hitless, PROTECTION_TEXTS, PROTECTIONS } from "./hitless/index.ts";
export { MeshSource, type MeshSourceDeps, type Protection } from "./mesh-source.ts";
export { MeshSources } from "./mesh-sources.ts";
export { FAILOVER_METRICS, type FailoverCounters, GAP_METRICS, gapsOf, WARM_METRICS } from "./metrics.ts";
