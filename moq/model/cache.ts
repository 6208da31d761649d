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
 * The byte budget of all cached groups of the process. The owner of a group charges what it keeps and says when
 * the group may be dropped. It bounds what is kept and never what is live: a group that there is no room for passes through to
 * the viewers that have it.
 *
 * What goes first: groups that have a successor, then the newest groups of tracks without viewers, then, for a small group only,
 * large ones of any kind. So a few large groups cannot take the place of all catalogs.
 *
 * An evicted group's bytes are free at once, so the budget holds within a turn as well. Its track retires, where nothing else keeps it,
 * at the end of the turn: until then at most the empty records of the groups that were evicted in one turn are held.
 */
export class GroupCache {
  readonly #options: CacheOptions;
  readonly #counters: Counters;
  /** In order of eviction: first in, first out; `lru` moves an entry to the end on use. */
  readonly #evictable = new Set<Evictable>();
  /** Newest groups of tracks without viewers, in the order in which their viewers left. */
  readonly #parked = new Set<Evictable>();
  /** Large groups, in the order in which they became large. */
  readonly #large = new Set<Evictable>();
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

  /** More is kept than the budget allows. */
  get overdrawn(): boolean {
    return this.#bytes > this.#options.bytes;
  }

  /** Takes `bytes` of the budget, evicting others for it; false when nothing more can be evicted. `small`: for a small group. */
  charge(bytes: number, small: boolean): boolean {
    while (this.#bytes + bytes > this.#options.bytes) {
      const victim = first(this.#evictable) ?? first(this.#parked) ?? (small ? first(this.#large) : undefined);
      if (victim === undefined) return false;
      this.withdraw(victim);
      this.#counters.cacheEvictions++;
      victim.evict();
    }
    this.overdraw(bytes);
    return true;
  }

  /** Takes `bytes` whether the budget has them or not. */
  overdraw(bytes: number): void {
    this.#bytes += bytes;
    this.#counters.cacheBytes = this.#bytes;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#counters.cacheBytes = this.#bytes;
  }

  /** From now on `entry` may be evicted. */
  offer(entry: Evictable): void {
    this.#evictable.add(entry);
  }

  /** From now on `entry` may be evicted when nothing else can. */
  park(entry: Evictable): void {
    this.#parked.add(entry);
  }

  /** `entry` is large from now on. */
  grown(entry: Evictable): void {
    this.#large.add(entry);
  }

  /** `entry` was read. */
  touch(entry: Evictable): void {
    if (this.#options.policy === "lru" && this.#evictable.delete(entry)) this.#evictable.add(entry);
  }

  /** `entry` is not to be evicted for what is large. */
  recall(entry: Evictable): void {
    this.#parked.delete(entry);
  }

  /** `entry` is kept no longer. */
  withdraw(entry: Evictable): void {
    this.#evictable.delete(entry);
    this.#parked.delete(entry);
    this.#large.delete(entry);
  }
}

function first(entries: ReadonlySet<Evictable>): Evictable | undefined {
  const [entry] = entries;
  return entry;
}
