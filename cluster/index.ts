export { BackOff } from "./back-off.ts";
export { ClockBound } from "./clock-bound.ts";
export { DIALLED, MEDIA_ROLES, NODE_NAME, type NodeInfo, ROLES, type Role } from "./contract.ts";
export {
  ControlClient,
  ControlSessionServer,
  type ControlSessionServerOptions,
  type ControlTable,
  NULL_SOURCE,
  nodePath,
} from "./control/index.ts";
export { FAILOVER_METRICS, type FailoverCounters, MeshSource } from "./failover/index.ts";
export { nodeOf, subjectOf } from "./identity.ts";
export {
  Discovery,
  type DnsEntry,
  dnsEntries,
  type LinkEvents,
  PeerLinks,
  type Resolver,
  staticPeers,
} from "./links/index.ts";
export { Mesh, patienceOf, type Registrar } from "./mesh.ts";
export {
  type DialRedis,
  REPLICATION_METRICS,
  RedisBackend,
  type RedisLink,
  Registry,
  type RegistryDeps,
  ReplicatedRegistry,
  redisChannel,
} from "./registry/index.ts";
export { Rootless } from "./rootless/index.ts";
export { RouteTable } from "./routes/index.ts";
