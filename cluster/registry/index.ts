export type { NodeEntry } from "./contract.ts";
export { type DialRedis, RedisBackend, type RedisLink, redisChannel, redisNewsChannel } from "./redis/index.ts";
export { Registry, type RegistryDeps } from "./registry.ts";
export { ReplicatedRegistry } from "./replicated-registry.ts";
export { REPLICATION_METRICS } from "./replication-metrics.ts";
export { MAX_MESH_REVOCATIONS, type RevocationWatcher, revocationKey } from "./revocation-board.ts";
