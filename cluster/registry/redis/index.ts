export { RedisBackend, redisChannel } from "./backend.ts";
export type { DialRedis, RedisLink } from "./connection.ts";
