import { collectStart } from "../transport/shared/index.ts";
import type { Config } from "./config/index.ts";
import { systemCalls } from "./host/index.ts";
import type { RelayParts } from "./parts.ts";
import {
  heapMemory,
  MemoryShedding,
  memoryCollector,
  SHEDDING_METRICS,
  SpareMemory,
  UnusedSessions,
} from "./pressure/index.ts";

export interface PressureWatchOptions {
  /** With the live values of the last reload. */
  readonly config: () => Config;
  /** Used and usable bytes of the process. */
  readonly memory: () => { readonly usedBytes: number; readonly limitBytes: number };
}

/** What sheds load while the relay runs. */
export class PressureWatch {
  readonly #unused: UnusedSessions;
  readonly #spare: SpareMemory;
  readonly #memory: MemoryShedding | undefined;

  constructor(parts: RelayParts, { config, memory }: PressureWatchOptions) {
    const { upkeep: clock, levels, broadcasts, host, counters } = parts;
    const sessions = () => host.list();
    this.#unused = new UnusedSessions({
      clock,
      sessions,
      timeoutMs: () => config().limits.unusedTimeoutMs,
      count: () => counters.boundsHit.unused_timeout++,
    });
    this.#spare = new SpareMemory({
      clock,
      sessions: () => host.sessions,
      release: () => void systemCalls()?.releaseMemory(),
    });
    if (config().limits.memory === 0) return;
    const shedding = new MemoryShedding({
      clock,
      log: levels.module("pressure"),
      read: memory,
      heap: heapMemory,
      cache: broadcasts.cache,
      sessions,
      collect: memoryCollector(systemCalls()?.releaseMemory),
    });
    this.#memory = shedding;
    counters.attach(SHEDDING_METRICS, () => shedding.metrics);
  }

  /** True while the relay takes no new sessions for want of memory. */
  get refusing(): boolean {
    return this.#memory?.refusing ?? false;
  }

  start(): this {
    this.#unused.start();
    this.#spare.start();
    this.#memory?.start();
    return this;
  }

  close(): void {
    this.#unused.close();
    this.#spare.close();
    this.#memory?.close();
  }
}

/** Returns the memory that only the start of the process needed. Stops the thread for 50 to 400 ms. */
export function releaseStartMemory(): void {
  collectStart();
  systemCalls()?.releaseMemory();
}
