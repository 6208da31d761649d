import type { Counters } from "./counters.ts";
import type { CacheOptions } from "./limits.ts";

/** Something the cache may drop. */
export interface Evictable {
  /** Gives its bytes back through {@link GroupCache.release}. */
  evict(): void;
}

/**
 * The byte budget of all cached groups of the process. The owner of a group charges what it keeps and says when
 * the group may be dropped; the newest group of a live track is never offered, so it is never evicted.
 */
export class GroupCache {
  readonly #options: CacheOptions;
  readonly #counters: Counters;
  /** In order of eviction: first in, first out; `lru` moves an entry to the end on use. */
  readonly #evictable = new Set<Evictable>();
  #bytes = 0;

  constructor(options: CacheOptions, counters: Counters) {
    this.#options = options;
    this.#counters = counters;
    counters.cacheBudget = options.bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get maxAgeMs(): number {
    return this.#options.maxAgeMs;
  }

  /** Whether groups that no live track needs are kept at all. */
  get keepsOld(): boolean {
    return this.#options.policy !== "none";
  }

  /** Takes `bytes` of the budget, evicting others for it; false when nothing more can be evicted. */
  charge(bytes: number): boolean {
    while (this.#bytes + bytes > this.#options.bytes) {
      const [victim] = this.#evictable;
      if (victim === undefined) {
        this.#counters.boundsHit.cache_bytes++;
        return false;
      }
      this.#evictable.delete(victim);
      this.#counters.cacheEvictions++;
      victim.evict();
    }
    this.#bytes += bytes;
    this.#counters.cacheBytes = this.#bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#counters.cacheBytes = this.#bytes;
  }

  /** From now on `entry` may be evicted. */
  offer(entry: Evictable): void {
    this.#evictable.add(entry);
  }

  /** `entry` was read. */
  touch(entry: Evictable): void {
    if (this.#options.policy === "lru" && this.#evictable.delete(entry)) this.#evictable.add(entry);
  }

  withdraw(entry: Evictable): void {
    this.#evictable.delete(entry);
  }
}
