export { ClockBound } from "./clock-bound.ts";
export {
  DIALLED,
  type LoadLink,
  MAX_REVOCATION_TEXT,
  MEDIA_ROLES,
  type MeshRevocation,
  NODE_NAME,
  type NodeInfo,
  type Peers,
  type Registrar,
  ROLES,
  type Role,
} from "./contract.ts";
export { ControlSessionServer, NULL_SOURCE } from "./control/index.ts";
export { nodePath } from "./control-paths.ts";
export {
  FAILOVER_METRICS,
  GAP_METRICS,
  HITLESS_METRICS,
  PROTECTION_TEXTS,
  PROTECTIONS,
  type Protection,
  WARM_METRICS,
} from "./failover/index.ts";
export { nodeOf, subjectOf } from "./identity.ts";
export { type DnsEntry, dnsEntries, type Resolver, SUSPICION_METRICS } from "./links/index.ts";
export { MeshNode } from "./node.ts";
export {
  MESH_LIMITS,
  type MeshLimits,
  type MeshNodeEvents,
  type MeshProbe,
  type MeshSettings,
} from "./node-contract.ts";
export {
  type DialRedis,
  type NodeEntry,
  REPLICATION_METRICS,
  RedisBackend,
  type RedisLink,
  Registry,
  type RegistryDeps,
  ReplicatedRegistry,
  type RevocationWatcher,
  redisChannel,
  redisNewsChannel,
  revocationKey,
} from "./registry/index.ts";
export {
  type MeshDial,
  MeshRefusal,
  meshLimits,
  peerSessionOf,
  type SessionPolicy,
  type Visitor,
  whyUnreachable,
} from "./sessions/index.ts";
export { type PerKind, perKind, TENANT_KINDS, type TenantDesk, type TenantUsage } from "./tenants/index.ts";
export { TOPOLOGY_METRICS } from "./topology-metrics.ts";
