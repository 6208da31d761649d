import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Reason } from "../reason.ts";
import type { GroupCache } from "./cache.ts";
import { Group, type GroupHost } from "./group.ts";
import type { ModelLimits } from "./limits.ts";

/**
 * Milliseconds without a frame after which a group that has a successor is taken to be over (moq-lite Track: a new
 * group closes the one before).
 */
const ABANDON_MS = 10_000;

interface StoreHost {
  readonly clock: Clock;
  readonly cache: GroupCache;
  readonly counters: Counters;
  readonly limits: ModelLimits;
}

/** What the groups of a track need from it. */
export interface StoredTrack extends Pick<GroupHost, "stamp" | "awaited" | "rescale" | "begun"> {
  /** `group` gets no more frames. `live`: it came by itself, not because it was fetched. */
  done(group: Group, live: boolean): void;
  /** A group is kept no longer. Called while bytes are appended, perhaps another track's: it must end nothing in this call. */
  forgotten(): void;
}

/** The groups of one track: those being received, which the cache may keep or not, and those that it keeps. */
export class GroupStore {
  readonly #host: StoreHost;
  readonly #groupHost: GroupHost;
  /** Groups that are kept. In order of arrival. */
  readonly #groups = new Map<number, Group>();
  /** Groups being received from the live subscription, kept or not; at most as many as the publisher has streams. */
  readonly #open = new Map<number, Group>();
  /** Those that somebody asked for by number. */
  readonly #fetched = new WeakSet<Group>();
  #newest: Group | undefined;

  constructor(host: StoreHost, track: StoredTrack) {
    this.#host = host;
    const { clock, cache, counters, limits } = host;
    this.#groupHost = {
      ...track,
      cache,
      counters,
      limits,
      now: () => clock.now(),
      done: (group) => {
        this.#done(group);
        track.done(group, !this.#fetched.has(group));
      },
      forgotten: (group) => {
        if (this.#groups.get(group.sequence) === group) this.#groups.delete(group.sequence);
        track.forgotten();
      },
    };
  }

  get size(): number {
    return this.#groups.size;
  }

  /** The live group with the highest sequence, also when it is already complete. */
  get newest(): Group | undefined {
    return this.#newest;
  }

  /** When something came last; nothing where the newest group is not kept. */
  get activeAt(): number | undefined {
    const newest = this.#newest;
    if (newest?.keeps !== true) return undefined;
    let last = newest.subgroup.activeAt;
    for (const { subgroup } of this.#open.values()) last = Math.max(last, subgroup.activeAt);
    return last;
  }

  /** Nobody watches: the newest group may be evicted when nothing older can. */
  park(): void {
    if (this.#newest?.keeps) this.#host.cache.park(this.#newest);
  }

  /** Somebody watches again. */
  recall(): void {
    if (this.#newest !== undefined) this.#host.cache.recall(this.#newest);
  }

  get(sequence: number): Group | undefined {
    const group = this.#groups.get(sequence);
    if (group !== undefined) this.#host.cache.touch(group);
    return group;
  }

  joinable(from: number, to: number): Group[] {
    const found: Group[] = [];
    for (const group of this.#groups.values()) {
      if (group.sequence >= from && group.sequence <= to && group.keeps) found.push(group);
    }
    return found.sort((a, b) => a.sequence - b.sequence);
  }

  /**
   * A group of the live subscription begins; refused when it is here already. How far its number is below the newest says nothing
   * of its age, since numbers need not follow each other: viewers judge that by time. It takes the place of one that was fetched, or is
   * being fetched: whoever asks for a group before there is one keeps it from no other viewer.
   */
  open(sequence: number, maxLatency: number): Group | Reason {
    const known = this.#groups.get(sequence);
    if (this.#open.has(sequence) || (known !== undefined && !this.#fetched.has(known))) return "duplicate";
    known?.evict();
    const newest = this.#newest;
    const group = this.#create(sequence);
    this.#open.set(sequence, group);
    if (newest === undefined || sequence > newest.sequence) {
      this.#newest = group;
      if (newest?.keeps) this.#host.cache.offer(newest);
    } else {
      this.#host.cache.offer(group);
    }
    this.#trim();
    this.expire(maxLatency);
    return group;
  }

  /** A place for a group that is being fetched. */
  fetched(sequence: number): Group {
    const group = this.#create(sequence);
    this.#fetched.add(group);
    this.#host.cache.offer(group);
    return group;
  }

  /** Milliseconds by which `group` is older than the newest: by arrival or by timestamps, whichever says more. */
  age(group: Group, timescale: number): number {
    const newest = this.#newest;
    if (newest === undefined || newest === group) return 0;
    const byArrival = newest.arrivedAt - group.arrivedAt;
    if (newest.firstTimestamp === undefined || group.firstTimestamp === undefined) return byArrival;
    return Math.max(byArrival, ((newest.firstTimestamp - group.firstTimestamp) * 1000) / timescale);
  }

  /** Drops complete groups that the publisher (moq-lite Publisher Max Latency) or the operator keeps no longer. */
  expire(maxLatency: number): void {
    const newest = this.#newest;
    if (newest === undefined) return;
    const keep = Math.min(maxLatency, this.#host.cache.maxAgeMs);
    // In order of arrival, so the first that stays ends the walk.
    for (const group of this.#groups.values()) {
      if (newest.arrivedAt - group.arrivedAt <= keep) return;
      if (group !== newest && !group.subgroup.open) group.evict();
    }
  }

  /** Ends groups before the newest in which nothing happens any more. */
  abandon(): void {
    if (this.#open.size <= 1) return;
    const before = this.#host.clock.now() - ABANDON_MS;
    for (const group of [...this.#open.values()]) if (group !== this.#newest) group.subgroup.abandon(before);
  }

  #done(group: Group): void {
    if (this.#open.get(group.sequence) === group) this.#open.delete(group.sequence);
    if (!group.subgroup.whole) group.evict();
  }

  /** The live subscription is over: what it had not finished never will be. */
  cutOff(reason: Reason): void {
    for (const group of [...this.#open.values()]) group.subgroup.stop(reason);
    this.#open.clear();
  }

  /** Nobody follows the track: its newest group is old news from now on. */
  retire(): void {
    this.#newest = undefined;
    this.clear();
  }

  /** What was kept over the budget, for viewers that are attached by now, goes. */
  repay(): void {
    for (const group of [...this.#groups.values()]) {
      if (!this.#host.cache.overdrawn) return;
      group.evict();
    }
  }

  clear(): void {
    for (const group of [...this.#groups.values()]) group.evict();
    this.#newest = undefined;
  }

  #create(sequence: number): Group {
    const group = new Group(sequence, this.#host.clock.now(), this.#groupHost);
    this.#groups.set(sequence, group);
    return group;
  }

  #trim(): void {
    if (this.#groups.size <= this.#host.limits.groupsPerTrack) return;
    this.#host.counters.boundsHit.groups_per_track++;
    for (const group of this.#groups.values()) {
      if (group === this.#newest) continue;
      group.evict();
      if (this.#groups.size <= this.#host.limits.groupsPerTrack) return;
    }
  }
}
