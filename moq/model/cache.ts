import type { Counters } from "../counters.ts";
import type { CacheOptions } from "./limits.ts";
import { SegmentPool } from "./segment-pool.ts";

/** Something the cache may drop. */
export interface Evictable {
  /**
   * Gives its bytes back through {@link CacheShare.release}, and ends nothing but what it kept: it is called while another track's
   * bytes are appended.
   */
  evict(): void;
}

/** The part of the cache that a group is charged to. */
export abstract class CacheShare {
  /** Groups that have a successor, in order of eviction: first in, first out. `lru` moves an entry to the end on use. */
  readonly #evictable = new Set<Evictable>();
  /** Newest groups of tracks without viewers, in the order in which the viewers left. */
  readonly #parked = new Set<Evictable>();
  /** Large groups, in the order in which they became large. */
  readonly #large = new Set<Evictable>();

  abstract get bytes(): number;

  /** Memory for the frames of its groups: one pool for the whole process. */
  abstract get segments(): SegmentPool;

  /** More is kept than the budget allows. */
  abstract get overdrawn(): boolean;

  /** Charges `bytes`, and evicts groups to make room. False when no more can be evicted. `small`: for a small group. */
  abstract charge(bytes: number, small: boolean): boolean;

  /** Charges `bytes` even over the budget. */
  abstract overdraw(bytes: number): void;

  abstract release(bytes: number): void;

  /** `entry` was used. */
  abstract touch(entry: Evictable): void;

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

  /** `entry`, which is charged `bytes` here, is charged to `to` from now on, over its budget if need be. */
  move(entry: Evictable, bytes: number, to: CacheShare): void {
    if (this.#evictable.delete(entry)) to.#evictable.add(entry);
    if (this.#parked.delete(entry)) to.#parked.add(entry);
    if (this.#large.delete(entry)) to.#large.add(entry);
    this.release(bytes);
    to.overdraw(bytes);
  }

  /** Moves `entry` to the end, if it has a successor. */
  used(entry: Evictable): void {
    if (this.#evictable.delete(entry)) this.#evictable.add(entry);
  }

  /** What is evicted next, large groups apart. */
  next(): Evictable | undefined {
    return first(this.#evictable) ?? first(this.#parked);
  }

  /** The large group that makes room for a small one next. */
  nextLarge(): Evictable | undefined {
    return first(this.#large);
  }
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
 *
 * Groups under a prefix with a budget of its own are charged to a {@link BudgetedShare} of it, which evicts only groups of its own to stay
 * within its budget. When the whole process is short, groups without such a budget go first: what is within a budget stays, unless the
 * budgets together are larger than that of the process.
 */
export class GroupCache extends CacheShare {
  #options: CacheOptions;
  readonly #counters: Counters;
  readonly #shares = new Map<string, BudgetedShare>();
  readonly segments = new SegmentPool();
  #bytes = 0;
  /** At most the bytes of the options. */
  #budget: number;

  constructor(options: CacheOptions, counters: Counters) {
    super();
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

  /** All that is kept, in every share. */
  get bytes(): number {
    return this.#bytes;
  }

  get maxAgeMs(): number {
    return this.#options.maxAgeMs;
  }

  get overdrawn(): boolean {
    return this.#bytes > this.#budget;
  }

  /** The shares with budgets of their own, by prefix. */
  get shares(): ReadonlyMap<string, BudgetedShare> {
    return this.#shares;
  }

  /** Has a share for each of `budgets`, in bytes by prefix. The caller moves what other shares have kept, and calls {@link settle}. */
  divide(budgets: ReadonlyMap<string, number>): void {
    for (const prefix of this.#shares.keys()) if (!budgets.has(prefix)) this.#shares.delete(prefix);
    for (const [prefix, budget] of budgets) {
      const share = this.#shares.get(prefix);
      if (share === undefined) this.#shares.set(prefix, new BudgetedShare(this, budget));
      else share.budget = budget;
    }
  }

  /** Each share evicts what exceeds its budget. */
  settle(): void {
    for (const share of this.#shares.values()) share.charge(0, false);
  }

  charge(bytes: number, small: boolean): boolean {
    while (this.#bytes + bytes > this.#budget) if (!this.#evictOne(this, small)) return false;
    this.overdraw(bytes);
    return true;
  }

  /** Evicts groups until `bytes` fit, for a group of `share`. False when no more can be evicted. */
  makeRoom(bytes: number, small: boolean, share: CacheShare): boolean {
    while (this.#bytes + bytes > this.#budget) if (!this.#evictOne(share, small)) return false;
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
      if (!this.#evictOne(this, false)) return;
    }
  }

  overdraw(bytes: number): void {
    this.#bytes += bytes;
    this.#counters.cacheBytes = this.#bytes;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#counters.cacheBytes = this.#bytes;
  }

  touch(entry: Evictable): void {
    if (this.#options.policy === "lru") this.used(entry);
  }

  touchIn(share: BudgetedShare, entry: Evictable): void {
    if (this.#options.policy === "lru") share.used(entry);
  }

  /** Evicts `victim`, which is charged to `share`. */
  evict(victim: Evictable, share: CacheShare): void {
    share.withdraw(victim);
    this.#counters.cacheEvictions++;
    victim.evict();
  }

  /** Evicts one group so that the process has room for one of `own`. False when there is none. */
  #evictOne(own: CacheShare, small: boolean): boolean {
    if (this.#evictFirst(own, (share) => share.next())) return true;
    return small && this.#evictFirst(own, (share) => share.nextLarge());
  }

  /** Looks among groups without a budget of their own, then in `own`, then in the share that keeps most of those with something to evict. */
  #evictFirst(own: CacheShare, look: (share: CacheShare) => Evictable | undefined): boolean {
    const others = () => [...this.#shares.values()].toSorted((a, b) => b.bytes - a.bytes);
    const shares = look(this) !== undefined ? [this] : look(own) !== undefined ? [own] : others();
    for (const share of shares) {
      const victim = look(share);
      if (victim === undefined) continue;
      this.evict(victim, share);
      return true;
    }
    return false;
  }
}

/** What is kept under a prefix that has a budget of its own. */
export class BudgetedShare extends CacheShare {
  readonly #cache: GroupCache;
  #bytes = 0;
  budget: number;

  constructor(cache: GroupCache, budget: number) {
    super();
    this.#cache = cache;
    this.budget = budget;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get segments(): SegmentPool {
    return this.#cache.segments;
  }

  get overdrawn(): boolean {
    return this.#bytes > this.budget || this.#cache.overdrawn;
  }

  charge(bytes: number, small: boolean): boolean {
    while (this.#bytes + bytes > this.budget) {
      const victim = this.next() ?? (small ? this.nextLarge() : undefined);
      if (victim === undefined) return false;
      this.#cache.evict(victim, this);
    }
    if (!this.#cache.makeRoom(bytes, small, this)) return false;
    this.overdraw(bytes);
    return true;
  }

  overdraw(bytes: number): void {
    this.#bytes += bytes;
    this.#cache.overdraw(bytes);
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#cache.release(bytes);
  }

  touch(entry: Evictable): void {
    this.#cache.touchIn(this, entry);
  }
}

function first(entries: ReadonlySet<Evictable>): Evictable | undefined {
  const [entry] = entries;
  return entry;
}
