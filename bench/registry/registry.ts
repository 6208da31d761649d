import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ControlSessionServer, NULL_SOURCE, nodePath, Registry } from "../../cluster/index.ts";
import type { Publication } from "../../moq/model/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { BenchError } from "../system/error.ts";
import type { RegistryOptions } from "./options.ts";
import { RULES } from "./rules.ts";

const TENANTS = 100;
const LEASE_MS = 10_000;
/** Milliseconds between two batches of events. */
const BATCH_MS = 10;

export interface RegistryFigures {
  readonly heapBytesPerBroadcast: number;
  readonly rssBytesPerBroadcast: number;
  readonly rssMb: number;
  readonly fillPerSecond: number;
  readonly events: number;
  readonly messagesInPerSecond: number;
  readonly messagesOutPerSecond: number;
  /** CPU of the process, with pacing and counting. */
  readonly cpuUsPerEvent: number;
  /** Messages to relays that ask for nothing in the registry. */
  readonly messagesToIdle: number;
}

/** Measures. Rejects with a {@link BenchError} when the root refuses something. */
export async function registryFigures(options: RegistryOptions): Promise<RegistryFigures> {
  const { broadcasts, relays, askers, rivals } = options;
  const registry = new Registry({
    ...RULES,
    clock: systemClock,
    leaseMs: LEASE_MS,
    maxNodes: relays,
    maxHoldings: broadcasts * 2,
  });
  const tables = Array.from({ length: relays }, (_, n) => tableOf(registry, n));
  const sent = { asked: 0, idle: 0 };
  for (const [n, table] of tables.entries()) {
    if (n < askers) table.watch(`b/tenant-${n % TENANTS}`, { changed: () => void sent.asked++ });
    else table.watch("b/nobody-publishes-here", { changed: () => void sent.idle++ });
    // Every relay does this.
    table.watch("n", { changed: () => {} });
    if (n < rivals) table.watch("c", { changed: () => void sent.idle++ });
  }
  const before = memory();
  const filledFrom = performance.now();
  const live: Publication[] = [];
  for (let n = 0; n < broadcasts; n++) live.push(publish(tables, n));
  const fillMs = performance.now() - filledFrom;
  const after = memory();
  sent.asked = 0;
  const run = await events(options, tables, live);
  for (const table of tables) table.close(0);
  registry.close();
  return {
    heapBytesPerBroadcast: (after.heap - before.heap) / broadcasts,
    rssBytesPerBroadcast: (after.rss - before.rss) / broadcasts,
    rssMb: after.rss / 2 ** 20,
    fillPerSecond: (broadcasts / fillMs) * 1_000,
    events: run.events,
    messagesInPerSecond: run.events / run.seconds,
    messagesOutPerSecond: sent.asked / run.seconds,
    cpuUsPerEvent: run.cpuUs / run.events,
    messagesToIdle: sent.idle,
  };
}

function tableOf(registry: Registry, n: number): ControlSessionServer {
  const table = new ControlSessionServer(registry);
  const url = `https://relay-${n}.example:4443`;
  const path = nodePath({
    node: `relay-${n}`,
    hop: BigInt(n + 1),
    role: "origin",
    region: "eu",
    url,
    publicUrl: url,
    draining: false,
    startedAt: 1,
  });
  taken(table.publish(path, { epoch: 0n, hops: [], cost: 0, ended: false }, NULL_SOURCE));
  return table;
}

function publish(tables: readonly ControlSessionServer[], n: number): Publication {
  const relay = n % tables.length;
  const table = tables[relay];
  if (table === undefined) throw new BenchError("no relay");
  const advertisement = { epoch: BigInt(1_700_000_000_000 + n), hops: [BigInt(relay + 1)], cost: 1, ended: false };
  return taken(table.publish(`b/tenant-${n % TENANTS}/room-${n}/relay-${relay}`, advertisement, NULL_SOURCE));
}

function taken(publication: Publication | string): Publication {
  if (typeof publication === "string") throw new BenchError(`the root refused a broadcast: ${publication}`);
  return publication;
}

/** Begins one broadcast and ends the next, at the requested rate. */
async function events(
  { eventsPerSecond, seconds, broadcasts }: RegistryOptions,
  tables: ControlSessionServer[],
  live: Publication[],
) {
  const from = performance.now();
  const cpu = process.cpuUsage();
  let done = 0;
  for (let passed = 0; passed < seconds * 1_000; passed = performance.now() - from) {
    for (const due = Math.floor((passed / 1_000) * eventsPerSecond); done < due; done++) {
      if (done % 2 === 0) live.push(publish(tables, broadcasts + done));
      else live.pop()?.end(false);
    }
    await sleep(BATCH_MS);
  }
  const { user, system } = process.cpuUsage(cpu);
  return { events: done, seconds: (performance.now() - from) / 1_000, cpuUs: user + system };
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function memory(): { heap: number; rss: number } {
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, rss };
}
