import type { Clock } from "../../moq/clock.ts";
import { counter, gauge, metricGroup } from "../../moq/metrics.ts";
import type { Logger } from "../log/index.ts";
import { ENOUGH, MemoryLevel, type MemoryLevelName } from "./memory-level.ts";

export const SHEDDING_METRICS = metricGroup("Shedding", {
  level: gauge(
    "memory_level",
    "What the relay does for want of memory: 0 nothing, 1 sheds its cache, 2 also refuses new sessions, 3 also closes the slowest viewers.",
  ),
  viewers: counter("memory_viewers_closed_total", "Viewers that the relay closed for want of memory."),
  cacheBytes: counter("memory_cache_shed_bytes_total", "Bytes of the cache that the relay evicted for want of memory."),
});

/** Milliseconds between two readings. */
const READ_MS = 500;

/** Groups that one reading evicts at most, so that it takes milliseconds; the next reading goes on. */
const EVICTIONS = 20_000;

/** Milliseconds between two collections of garbage, each of which stops the thread for a moment. */
const COLLECT_MS = 5_000;

/** Share of all viewers that one reading closes, and the most. */
const CLOSED_SHARE = 0.01;
const CLOSED_MAX = 100;

/** A session that may be closed. */
export interface SheddableSession {
  /** A relay of the mesh. */
  readonly cluster: boolean;
  readonly session: {
    use(): { readonly queuedBytes: number; readonly announced: number };
    end(reason: "limit", message: string): void;
  };
}

export interface MemorySheddingDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Used and usable bytes of the process. */
  readonly read: () => { readonly usedBytes: number; readonly limitBytes: number };
  /** Used and usable bytes of V8's heap, which has a limit of its own. */
  readonly heap: () => { readonly usedBytes: number; readonly limitBytes: number };
  readonly cache: {
    readonly bytes: number;
    /** Keeps at most `bytes` from now on, and never more than configured; evicts at most so many groups now. */
    shrink(bytes: number, evictions: number): void;
  };
  /** Oldest first. */
  readonly sessions: () => Iterable<SheddableSession>;
  /** Collects garbage, and returns what is free to the system. */
  readonly collect: () => void;
}

/** Keeps the process below the limit of its memory: see {@link MemoryLevel} for the order. It recovers by itself. */
export class MemoryShedding {
  readonly #deps: MemorySheddingDeps;
  readonly #level = new MemoryLevel();
  readonly metrics = { level: 0, viewers: 0, cacheBytes: 0 };
  #collectedAt = Number.NEGATIVE_INFINITY;
  #cancel = () => {};

  constructor(deps: MemorySheddingDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#cancel = this.#deps.clock.timer(READ_MS, () => {
      this.#look();
      this.start();
    });
  }

  close(): void {
    this.#cancel();
  }

  /** The relay takes no new sessions. */
  get refusing(): boolean {
    return this.#level.has("sessions");
  }

  #look(): void {
    const { read, heap } = this.#deps;
    const { usedBytes, limitBytes } = read();
    const { usedBytes: heapBytes, limitBytes: heapLimit } = heap();
    const share = Math.max(usedBytes / limitBytes, heapBytes / heapLimit);
    const before = this.#level.name;
    if (this.#level.add(share)) this.#changed(before, share, usedBytes, limitBytes);
    this.metrics.level = this.#level.number;
    if (!this.#level.has("cache") || share < ENOUGH) return;
    this.#shedCache(Math.max(usedBytes - ENOUGH * limitBytes, heapBytes - ENOUGH * heapLimit));
    if (this.#level.has("viewers")) this.#closeSlowest();
    this.#collect();
  }

  #changed(before: MemoryLevelName, share: number, usedBytes: number, limitBytes: number): void {
    const { log, cache } = this.#deps;
    const { name } = this.#level;
    if (name === "normal") cache.shrink(Number.POSITIVE_INFINITY, 0);
    const facts = { level: name, before, usedBytes, limitBytes, percent: Math.round(share * 100) };
    if (name === "normal") log.info(facts, "memory is free again: the relay does everything as configured");
    else log.warn(facts, MESSAGES[name]);
  }

  /** Evicts as much of the cache as the process has too much, and keeps it that small. */
  #shedCache(excess: number): void {
    const { cache } = this.#deps;
    const before = cache.bytes;
    cache.shrink(Math.max(0, before - excess), EVICTIONS);
    this.metrics.cacheBytes += before - cache.bytes;
  }

  /** Closes viewers with the most bytes in their queues; where none has any, those that came last. Publishers and relays stay. */
  #closeSlowest(): void {
    const viewers = [...this.#deps.sessions()]
      .filter(({ cluster }) => !cluster)
      .map(({ session }, place) => ({ session, place, ...session.use() }))
      .filter(({ announced }) => announced === 0)
      .sort((one, other) => other.queuedBytes - one.queuedBytes || other.place - one.place);
    const count = Math.min(CLOSED_MAX, Math.ceil(viewers.length * CLOSED_SHARE));
    for (const { session } of viewers.slice(0, count)) {
      session.end("limit", "the relay is short of memory, and this session was among the slowest");
    }
    this.metrics.viewers += count;
  }

  #collect(): void {
    const { clock, collect } = this.#deps;
    if (clock.now() - this.#collectedAt < COLLECT_MS) return;
    collect();
    this.#collectedAt = clock.now();
  }
}

const MESSAGES: Readonly<Record<Exclude<MemoryLevelName, "normal">, string>> = {
  cache: "memory is short: the relay sheds its cache",
  sessions: "memory is short: the relay sheds its cache and refuses new sessions",
  viewers: "memory is short: the relay sheds its cache, refuses new sessions and closes the slowest viewers",
};
