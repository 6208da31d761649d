export { type MeshCredentials, meshCredentials } from "./credentials.ts";
export { meshDial } from "./dial.ts";
export { dialRedis } from "./dial-redis.ts";
export { dnsResolver } from "./resolver.ts";
export { MeshRuntime } from "./runtime.ts";
export { MESH_METRICS, REGISTRY_METRICS } from "./view.ts";
