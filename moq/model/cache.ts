import type { Counters } from "../counters.ts";
import type { CacheOptions } from "./limits.ts";

/** Something the cache may drop. */
export interface Evictable {
  /**
   * Gives its bytes back through {@link GroupCache.release}, and ends nothing but what it kept: it is called while another track's
   * bytes are appended.
   */
  evict(): void;
}

/**
 * The byte budget of all cached groups of the process. The owner of a group charges the bytes that it keeps, and says when the group
 * may be evicted. The budget bounds what is kept and never what is live: a group without room passes through to its viewers.
 *
 * Order of eviction:
 *
 * 1. groups that have a successor;
 * 2. the newest groups of tracks without viewers;
 * 3. large groups of any kind, to make room for a small group only: so a few large groups cannot displace all catalogs.
 *
 * An evicted group's bytes are free at once, so the budget holds within a turn as well. Its track retires, where nothing else keeps it,
 * at the end of the turn: until then at most the empty records of the groups that were evicted in one turn are held.
 */
export class GroupCache {
  #options: CacheOptions;
  readonly #counters: Counters;
  /** Groups that have a successor, in order of eviction: first in, first out. `lru` moves an entry to the end on use. */
  readonly #evictable = new Set<Evictable>();
  /** Newest groups of tracks without viewers, in the order in which the viewers left. */
  readonly #parked = new Set<Evictable>();
  /** Large groups, in the order in which they became large. */
  readonly #large = new Set<Evictable>();
  #bytes = 0;
  /** At most the bytes of the options. */
  #budget: number;

  constructor(options: CacheOptions, counters: Counters) {
    this.#options = options;
    this.#counters = counters;
    this.#budget = options.bytes;
    counters.cacheBudget = options.bytes;
  }

  /** Changes budget and policy, and evicts what no longer fits. Live groups of watched tracks stay until they have a successor. */
  reconfigure(options: CacheOptions): void {
    this.#options = options;
    this.#counters.cacheBudget = options.bytes;
    this.charge(0, false);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get maxAgeMs(): number {
    return this.#options.maxAgeMs;
  }

  /** More is kept than the budget allows. */
  get overdrawn(): boolean {
    return this.#bytes > this.#budget;
  }

  /** Charges `bytes`, and evicts groups to make room. False when no more can be evicted. `small`: for a small group. */
  charge(bytes: number, small: boolean): boolean {
    while (this.#bytes + bytes > this.#budget) {
      const victim = first(this.#evictable) ?? first(this.#parked) ?? (small ? first(this.#large) : undefined);
      if (victim === undefined) return false;
      this.#evict(victim);
    }
    this.overdraw(bytes);
    return true;
  }

  /**
   * Keeps at most `bytes` from now on, and never more than the options say. Evicts at most `evictions` groups now, of those that have a
   * successor and of tracks without viewers.
   */
  shrink(bytes: number, evictions: number): void {
    this.#budget = Math.min(bytes, this.#options.bytes);
    this.#counters.cacheBudget = this.#budget;
    for (let left = evictions; left > 0 && this.#bytes > this.#budget; left--) {
      const victim = first(this.#evictable) ?? first(this.#parked);
      if (victim === undefined) return;
      this.#evict(victim);
    }
  }

  /** Charges `bytes` even over the budget. */
  overdraw(bytes: number): void {
    this.#bytes += bytes;
    this.#counters.cacheBytes = this.#bytes;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#counters.cacheBytes = this.#bytes;
  }

  /** `entry` has a successor: it may be evicted. */
  offer(entry: Evictable): void {
    this.#evictable.add(entry);
  }

  /** `entry` is the newest group of a track without viewers: it may be evicted after those that have a successor. */
  park(entry: Evictable): void {
    this.#parked.add(entry);
  }

  /** `entry` has become large. */
  grown(entry: Evictable): void {
    this.#large.add(entry);
  }

  /** `entry` was used. */
  touch(entry: Evictable): void {
    if (this.#options.policy === "lru" && this.#evictable.delete(entry)) this.#evictable.add(entry);
  }

  /** The track of `entry` has viewers again: the entry may not be evicted as one without. */
  recall(entry: Evictable): void {
    this.#parked.delete(entry);
  }

  /** `entry` is kept no longer. */
  withdraw(entry: Evictable): void {
    this.#evictable.delete(entry);
    this.#parked.delete(entry);
    this.#large.delete(entry);
  }

  #evict(victim: Evictable): void {
    this.withdraw(victim);
    this.#counters.cacheEvictions++;
    victim.evict();
  }
}

function first(entries: ReadonlySet<Evictable>): Evictable | undefined {
  const [entry] = entries;
  return entry;
}
