/**
 * Measures the load of roots that share a registry on a Redis, which must be empty and used for nothing else:
 *
 *     node bench/registry/shared.ts redis://127.0.0.1:6379/0 [RELAYS]
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import {
  type NodeInfo,
  RedisBackend,
  Registry,
  ReplicatedRegistry,
  redisChannel,
  redisNewsChannel,
} from "../../cluster/index.ts";
import { redisAddress } from "../../relay/config/index.ts";
import { dialRedis } from "../../relay/mesh/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { RULES } from "./rules.ts";

const LEASE_MS = 10_000;
const HOLDINGS = 100_000;
const STEADY_MS = 10_000;
const LOOK_MS = 5;

const [url = "", relays = "500"] = process.argv.slice(2);
const address = redisAddress(url);
if (address === undefined) throw new Error("usage: node bench/registry/shared.ts REDIS-URL [RELAYS]");
const client = createClient({ url });
client.on("error", () => {});
await client.connect();
const at = address;

function root() {
  const registry = new Registry({
    ...RULES,
    clock: systemClock,
    leaseMs: LEASE_MS,
    maxNodes: 10_000,
    maxHoldings: 2_000_000,
  });
  const backend = new RedisBackend({
    clock: systemClock,
    random: Math.random,
    leaseMs: LEASE_MS,
    dial: dialRedis(at),
    writer: randomUUID(),
    unique: randomUUID,
    channel: redisChannel(at.database),
    newsChannel: redisNewsChannel(at.database),
  });
  const shared = new ReplicatedRegistry({
    registry,
    backend,
    clock: systemClock,
    leaseMs: LEASE_MS,
    connectionChanged: () => {},
  });
  shared.start();
  return { registry, shared };
}

function info(n: number): NodeInfo {
  const host = `https://relay-${n}.example:443`;
  const place = { region: "eu", url: host, publicUrl: host, draining: false };
  return { node: `relay-${n}`, hop: BigInt(n), role: "origin", ...place, startedAt: Date.now() };
}

function register({ registry }: ReturnType<typeof root>, n: number, holdings: number): void {
  const session = {};
  const relay = info(n);
  registry.register(relay, session);
  for (let i = 0; i < holdings; i++) {
    const path = `live/tenant-${i % 100}/broadcast-${i}`;
    registry.hold({ path, node: relay.node, epoch: BigInt(i + 1), hops: [BigInt(n)], cost: 0, ended: false }, session);
  }
  registry.complete(session);
}

interface Traffic {
  readonly inBytes: number;
  readonly outBytes: number;
  readonly commands: number;
  readonly redisMs: number;
  readonly ownMs: number;
}

async function traffic(): Promise<Traffic> {
  const text = await client.info();
  const number = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(text)?.[1]);
  const { user, system } = process.cpuUsage();
  return {
    inBytes: number("total_net_input_bytes"),
    outBytes: number("total_net_output_bytes"),
    commands: number("total_commands_processed"),
    redisMs: 1000 * (number("used_cpu_user") + number("used_cpu_sys")),
    ownMs: (user + system) / 1000,
  };
}

async function measured(what: string, work: () => Promise<void>): Promise<void> {
  const [before, from] = [await traffic(), performance.now()];
  await work();
  const seconds = (performance.now() - from) / 1000;
  const now = await traffic();
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  const received = `to Redis ${mb(now.inBytes - before.inBytes)}, from it ${mb(now.outBytes - before.outBytes)}`;
  const cpu = `CPU: Redis ${(now.redisMs - before.redisMs).toFixed(0)} ms, here ${(now.ownMs - before.ownMs).toFixed(0)} ms`;
  console.log(`${what}: ${seconds.toFixed(2)} s, ${now.commands - before.commands} commands, ${received}; ${cpu}`);
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(LOOK_MS);
}

const a = root();
const b = root();
await until(() => a.shared.connected && b.shared.connected);
await measured(`${HOLDINGS} broadcasts of one relay, until the other root has them`, async () => {
  register(a, 0, HOLDINGS);
  await until(() => b.registry.counts.holdings === HOLDINGS);
});
await sleep(STEADY_MS);
await measured("written again, as after the lease has expired", async () => {
  await client.del("moqmesh:node:relay-0");
  for (let kept = 0; kept < HOLDINGS; await sleep(LOOK_MS)) kept = await client.hLen("moqmesh:node:relay-0");
});
await sleep(STEADY_MS);
await measured(`${STEADY_MS / 1000} s without changes, that relay, two roots`, () => sleep(STEADY_MS));
for (let n = 1; n < Number(relays); n++) register(a, n, 10);
await until(() => b.registry.counts.nodes === Number(relays));
await sleep(STEADY_MS);
await measured(`${STEADY_MS / 1000} s without changes, ${relays} relays at one of two roots`, () => sleep(STEADY_MS));
await measured("a third root starts, until it has everything", async () => {
  const c = root();
  await until(() => c.registry.counts.holdings === a.registry.counts.holdings);
  c.shared.close();
});
console.log(
  `longest comparisons at the end: ${a.shared.counters.reconcileSeconds.toFixed(3)} s, ${b.shared.counters.reconcileSeconds.toFixed(3)} s`,
);
for (const one of [a, b]) one.shared.close();
client.destroy();
