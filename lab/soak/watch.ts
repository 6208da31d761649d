import type { Samples } from "../admin.ts";
import type { SoakRelay } from "./relay.ts";
import { type Sample, type Trend, trendOf } from "./trend.ts";

const MB = 1_000_000;
const HOUR_MS = 3_600_000;

/** Milliseconds over which one sample is the mean of several readings: garbage makes single ones jump. */
export const SAMPLE_MS = 10_000;

/** MB that memory may grow by in one hour. */
const ALLOWED_MB = 1;

/** Hours of samples from which on a slope is judged: shorter ones show the warm-up. */
const JUDGED_HOURS = 1 / 3;

/** The kinds of memory that are shown: `native` is what V8 does not know, which is the engine and the allocator. */
export const KINDS = ["rss", "heap", "external", "native"] as const;
export type Kind = (typeof KINDS)[number];

/** MB of each kind at one moment. `heap`: what is reserved for it. */
export type Memory = Readonly<Record<Kind, number>>;

/** Memory of one relay, from its resident memory and its metrics. */
export function memoryOf(rss: number, samples: Samples): Memory {
  const heap = samples.get("moqmesh_nodejs_heap_size_total_bytes") ?? 0;
  const external = samples.get("moqmesh_nodejs_external_memory_bytes") ?? 0;
  return { rss: rss / MB, heap: heap / MB, external: external / MB, native: (rss - heap - external) / MB };
}

/** How a kind of memory went after the warm-up. */
export interface Slope extends Trend {
  readonly kind: Kind;
}

/** Follows the memory of one relay. */
export class MemoryWatch {
  readonly relay: SoakRelay;
  /** Before the first client. */
  baseline: Samples = new Map();
  /** Of the last reading. */
  memory: Memory = { rss: 0, heap: 0, external: 0, native: 0 };
  samples: Samples = new Map();
  /** Names of all metrics so far. */
  readonly seen = new Set<string>();
  readonly #kept: Record<Kind, Sample[]> = { rss: [], heap: [], external: [], native: [] };
  #readings: Memory[] = [];
  #sampledAt: number | undefined;

  constructor(relay: SoakRelay) {
    this.relay = relay;
  }

  /** Takes a reading. `sinceMs`: milliseconds since the end of the warm-up; negative before. */
  async read(sinceMs: number): Promise<void> {
    this.samples = await this.relay.admin.metrics();
    for (const name of this.samples.keys()) this.seen.add(name);
    this.memory = memoryOf(this.relay.rss, this.samples);
    if (sinceMs < 0) return;
    this.#sampledAt ??= sinceMs;
    this.#readings.push(this.memory);
    if (sinceMs - this.#sampledAt < SAMPLE_MS) return;
    for (const kind of KINDS) {
      const value = this.#readings.reduce((sum, each) => sum + each[kind], 0) / this.#readings.length;
      this.#kept[kind].push({ hours: (this.#sampledAt + sinceMs) / 2 / HOUR_MS, value });
    }
    this.#readings = [];
    this.#sampledAt = sinceMs;
  }

  slopes(): Slope[] {
    return KINDS.map((kind) => ({ kind, ...trendOf(this.#kept[kind]) }));
  }

  /** Hours that the samples cover. */
  get hours(): number {
    return (this.#kept.rss.at(-1)?.hours ?? 0) - (this.#kept.rss[0]?.hours ?? 0);
  }
}

/** True when memory surely grew by more than is allowed. `hours`: how long it was followed. */
export function grew({ perHour, error }: Trend, hours: number): boolean {
  return hours >= JUDGED_HOURS && perHour - error > ALLOWED_MB;
}
