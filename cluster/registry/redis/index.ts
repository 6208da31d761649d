export { RedisBackend, redisChannel, redisNewsChannel } from "./backend.ts";
export type { DialRedis, RedisLink } from "./connection.ts";
