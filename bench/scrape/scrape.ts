import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "../../moq/link.ts";
import { loadConfig } from "../../relay/config/index.ts";
import { type Relay, start } from "../../relay/main.ts";
import { createEngine } from "../../transport/engines.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { BenchError } from "../system/error.ts";
import { openLoadSession } from "./client.ts";
import type { ScrapeOptions } from "./options.ts";

/** Sessions that are opened at the same time. */
const AT_ONCE = 50;

/** Milliseconds that the relay gets to settle, and between two scrapes: longer than figures stay fresh. */
const PAUSE_MS = 600;

/** Milliseconds until all sessions and subscriptions must be there. */
const READY_MS = 60_000;

/** Milliseconds without other work: the longest turns of the event loop while nothing scrapes, for comparison. */
const IDLE_MS = 2_000;

export interface ScrapeFigures {
  readonly sessions: number;
  readonly broadcasts: number;
  readonly engine: string;
  readonly lines: number;
  readonly bytes: number;
  /** Milliseconds of a scrape over HTTP: the median and the longest. */
  readonly medianMs: number;
  readonly longestMs: number;
  /**
   * Longest time in milliseconds in which the event loop did nothing else, during a scrape: the median and the longest. It is the thread's CPU
   * time, so that other programs on the machine do not count.
   */
  readonly medianStallMs: number;
  readonly longestStallMs: number;
  /** The same without a scrape. */
  readonly idleStallMs: number;
}

/** Measures. Rejects with a {@link BenchError} when not all sessions can be opened. */
export async function scrapeFigures(options: ScrapeOptions): Promise<ScrapeFigures> {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-bench-"));
  const settings = {
    "server.host": "127.0.0.1",
    "server.port": "0",
    "http.admin_port": "0",
    "tls.state_dir": folder,
    "log.level": "silent",
    "auth.public_subscribe": "/",
    "auth.public_publish": "/",
    "drain.spread": "0s",
  };
  const flags = Object.entries(settings).map(([key, value]) => ({ key, value, name: key }));
  const relay = await start(loadConfig({ flags }).config);
  try {
    const engine = await createEngine("auto", { clock: systemClock, warn: () => {} });
    await openAll(relay, engine, options);
    return await measure(relay, options);
  } finally {
    await relay.close("the bench is over");
    await rm(folder, { recursive: true, force: true });
  }
}

async function openAll(relay: Relay, engine: Engine, { sessions, broadcasts }: ScrapeOptions): Promise<void> {
  const { fingerprint = "", address } = relay;
  const where = { url: new URL(`https://127.0.0.1:${address.port}/`), sha256: Buffer.from(fingerprint, "hex"), engine };
  for (let first = 0; first < sessions; first += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, sessions - first) }, (_, i) => first + i);
    await Promise.all(
      batch.map((n) =>
        openLoadSession(where, {
          ...(n < broadcasts && { publish: `live/room${n}` }),
          watch: `live/room${(n + 1) % broadcasts}`,
        }),
      ),
    );
  }
  const { counters } = relay;
  for (let left = READY_MS; ; left -= PAUSE_MS) {
    await sleep(PAUSE_MS);
    if (counters.subscriptionsActive >= sessions && counters.groupsOut >= sessions) return;
    if (left <= 0) throw new BenchError(`only ${counters.subscriptionsActive} of ${sessions} sessions got a group`);
  }
}

async function measure(relay: Relay, { sessions, broadcasts, scrapes }: ScrapeOptions): Promise<ScrapeFigures> {
  const url = `http://127.0.0.1:${relay.adminAddress?.port}/metrics`;
  const idle = await stallDuring(() => sleep(IDLE_MS));
  const times: number[] = [];
  const stalls: number[] = [];
  let text = "";
  for (let n = 0; n <= scrapes; n++) {
    await sleep(PAUSE_MS);
    const from = performance.now();
    const stall = await stallDuring(async () => {
      text = await (await fetch(url)).text();
    });
    // The first one is not measured: it makes the tables of the exporter.
    if (n === 0) continue;
    times.push(performance.now() - from);
    stalls.push(stall);
  }
  return {
    sessions,
    broadcasts,
    engine: relay.engine,
    lines: text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length,
    bytes: Buffer.byteLength(text),
    medianMs: median(times),
    longestMs: Math.max(...times),
    medianStallMs: median(stalls),
    longestStallMs: Math.max(...stalls),
    idleStallMs: idle,
  };
}

/** The longest time in milliseconds that one turn of the event loop took while `work` ran. */
async function stallDuring(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let before = process.threadCpuUsage();
  let over = false;
  const turn = () => {
    const { user, system } = process.threadCpuUsage(before);
    longest = Math.max(longest, (user + system) / 1000);
    before = process.threadCpuUsage();
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  over = true;
  return longest;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
