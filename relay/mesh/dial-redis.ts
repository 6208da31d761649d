import type { DialRedis } from "../../cluster/index.ts";
import type { RedisAddress } from "../config/index.ts";

/** Connects to a Redis or Valkey. Errors name no credential. Roots that keep their registry in memory do not load the client. */
export function dialRedis(address: RedisAddress): DialRedis {
  return async (on) => {
    const redis = await import("./redis.ts");
    return await redis.connectRedis(address, on);
  };
}
