import { randomUUID } from "node:crypto";
import { RedisBackend, type Registry, ReplicatedRegistry, redisChannel } from "../../cluster/index.ts";
import type { Clock } from "../../moq/clock.ts";
import { type Config, redisAddress } from "../config/index.ts";
import type { Logger } from "../log/index.ts";
import { dialRedis } from "./redis.ts";

interface ShareDeps {
  readonly config: Pick<Config["cluster"], "registry" | "leaseMs">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Keeps a root's registry in what `[cluster] registry` says; nothing where that is its own memory. */
export function shareRegistry(registry: Registry, { config, clock, log }: ShareDeps): ReplicatedRegistry | undefined {
  const address = redisAddress(config.registry ?? "memory");
  if (address === undefined) return undefined;
  const { host, port, database } = address;
  const where = { host, port, database };
  const backend = new RedisBackend({
    clock,
    random: Math.random,
    dial: dialRedis(address),
    writer: randomUUID(),
    unique: randomUUID,
    channel: redisChannel(database),
  });
  const connectionChanged = (up: boolean, reason: string) => {
    if (up) log.info(where, "the registry's Redis is there");
    else log.warn({ ...where, reason }, "the registry's Redis is gone; what is known is told on");
  };
  return new ReplicatedRegistry({ registry, backend, clock, leaseMs: config.leaseMs, connectionChanged });
}
