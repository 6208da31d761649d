import { randomUUID } from "node:crypto";
import {
  RedisBackend,
  type Registry,
  ReplicatedRegistry,
  redisChannel,
  redisNewsChannel,
} from "../../cluster/index.ts";
import type { Clock } from "../../moq/clock.ts";
import { type Config, redisAddress } from "../config/index.ts";
import type { Logger } from "../log/index.ts";
import { dialRedis } from "./dial-redis.ts";

interface ReplicateDeps {
  readonly config: Pick<Config["cluster"], "registry" | "leaseMs">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Shares a root's registry through the Redis of `[cluster] registry`; absent where the registry is in memory only. */
export function replicateRegistry(
  registry: Registry,
  { config, clock, log }: ReplicateDeps,
): ReplicatedRegistry | undefined {
  const address = redisAddress(config.registry ?? "memory");
  if (address === undefined) return undefined;
  const { host, port, database } = address;
  const where = { host, port, database };
  const backend = new RedisBackend({
    clock,
    random: Math.random,
    leaseMs: config.leaseMs,
    dial: dialRedis(address),
    writer: randomUUID(),
    unique: randomUUID,
    channel: redisChannel(database),
    newsChannel: redisNewsChannel(database),
  });
  const connectionChanged = (up: boolean, reason: string) => {
    if (up) log.info(where, "registry Redis reached");
    else
      log.warn(
        { ...where, reason },
        "registry Redis unreachable; serving the last known state until it is back, without new broadcasts of other roots",
      );
  };
  return new ReplicatedRegistry({ registry, backend, clock, leaseMs: config.leaseMs, connectionChanged });
}
