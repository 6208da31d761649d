import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Reason } from "../reason.ts";
import type { CacheShare } from "./cache.ts";
import type { Reached } from "./continued-subgroup.ts";
import type { SubgroupStart } from "./contract.ts";
import { Group, MAX_SUBGROUPS } from "./group.ts";
import type { GroupHost } from "./group-host.ts";
import type { ModelLimits } from "./limits.ts";
import { isWhole } from "./locations.ts";
import { writable } from "./publisher-numbering.ts";
import type { Subgroup } from "./subgroup.ts";
import type { Terms } from "./terms.ts";

/**
 * Milliseconds without an object after which a group that has a successor is taken to be over (moq-lite Track: a new
 * group closes the one before).
 */
const ABANDON_MS = 10_000;

/** The same where all subgroups that have begun have ended: further ones would have begun by now. */
const QUIET_MS = 50;

/** The same without a successor, where the publisher has named the end of the group: a stream that was lost on its way has this long. */
const MISSING_MS = 500;

/** Whole groups, and groups that were reset, that are remembered, so that what comes late of one does not begin it again. */
const REMEMBERED = 64;

interface StoreHost {
  readonly clock: Clock;
  /** What holds for its broadcast. */
  terms(): Terms;
  readonly counters: Counters;
  readonly limits: ModelLimits;
  /** A group has ended, and none is being received. */
  between(): void;
}

/** What the groups of a track need from it. */
export interface StoredTrack
  extends Pick<GroupHost<Group>, "awaited" | "rescales" | "rescale" | "begun" | "sent" | "lacks"> {
  /** Timestamp units per second. */
  timescale(): number;
  /** `group` gets no more frames. `live`: it came by the subscription, not by a fetch. */
  done(group: Group, live: boolean): void;
  /** A group is kept no longer. Called while bytes are appended, perhaps another track's: it must end nothing in this call. */
  forgotten(): void;
}

/** The groups of one track: those that are kept, and those that are being received, kept or not. */
export class GroupStore {
  readonly #host: StoreHost;
  readonly #track: StoredTrack;
  readonly #groupHost: GroupHost<Group> & { cache: CacheShare };
  /** Groups that are kept. In order of arrival. */
  readonly #groups = new Map<number, Group>();
  /** Groups that are being received from the live subscription, kept or not. The publisher's streams bound their number. */
  readonly #open = new Map<number, Group>();
  /** Groups that were fetched. */
  readonly #fetched = new WeakSet<Group>();
  /** The last {@link REMEMBERED} groups of the live subscription that were whole. */
  readonly #whole = new Set<number>();
  /** Of the last {@link REMEMBERED} groups of the live subscription that were reset: what came. */
  readonly #cut = new Map<number, Reached>();
  #newest: Group | undefined;

  constructor(host: StoreHost, track: StoredTrack) {
    this.#host = host;
    this.#track = track;
    const { clock, counters, limits } = host;
    const since = clock.now();
    this.#groupHost = {
      ...track,
      cache: host.terms().cache,
      counters,
      limits,
      clock,
      stamp: () => writable(((clock.now() - since) * track.timescale()) / 1000),
      done: (group) => {
        this.#done(group);
        track.done(group, !this.#fetched.has(group));
        if (this.#open.size === 0) host.between();
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

  get #cache(): CacheShare {
    return this.#groupHost.cache;
  }

  /** The terms have another share of the cache: what is kept is charged there from now on. */
  recharge(): void {
    const { cache } = this.#host.terms();
    if (cache === this.#cache) return;
    for (const group of this.#groups.values()) group.moveTo(cache);
    this.#groupHost.cache = cache;
  }

  /** The live group with the highest sequence, open or complete. */
  get newest(): Group | undefined {
    return this.#newest;
  }

  /** When the last frame came. Nothing where the newest group is not kept. */
  get activeAt(): number | undefined {
    const newest = this.#newest;
    if (newest?.keeps !== true) return undefined;
    let last = newest.activeAt;
    for (const group of this.#open.values()) last = Math.max(last, group.activeAt);
    return last;
  }

  /** The track has no viewers: its newest group may be evicted when no older group of any track is left. */
  park(): void {
    if (this.#newest?.keeps) this.#cache.park(this.#newest);
  }

  /** The track has viewers again: its newest group may not be evicted, unless it is large and a small one needs room. */
  recall(): void {
    if (this.#newest !== undefined) this.#cache.recall(this.#newest);
  }

  get(sequence: number): Group | undefined {
    const group = this.#groups.get(sequence);
    if (group !== undefined) this.#cache.touch(group);
    return group;
  }

  /** Groups that are kept, in order of arrival. */
  kept(): Iterable<Group> {
    return this.#groups.values();
  }

  /** The number of the kept group that follows `sequence`, or, with `descending`, that comes before it. */
  nextKept(sequence: number, descending: boolean): number | undefined {
    let found: number | undefined;
    for (const one of this.#groups.keys()) {
      const follows = descending ? one < sequence : one > sequence;
      const isNearer = found === undefined || (descending ? one > found : one < found);
      if (follows && isNearer) found = one;
    }
    return found;
  }

  joinable(from: number, to: number): Group[] {
    const found: Group[] = [];
    for (const group of this.#groups.values()) {
      if (group.sequence >= from && group.sequence <= to && group.keeps) found.push(group);
    }
    return found.sort((a, b) => a.sequence - b.sequence);
  }

  /**
   * A subgroup of the live subscription begins, in the track's numbers. Refused when it has begun before. Its group replaces a fetched group of
   * the same number, because a viewer that fetches a group ahead of time must not keep it from the others. The number of a group says
   * nothing of its age, because numbers need not be consecutive: viewers judge age by time.
   */
  open(start: SubgroupStart, maxLatency: number): Subgroup<Group> | Reason {
    const { group: sequence } = start;
    const known = this.#groups.get(sequence);
    const live = this.#open.get(sequence) ?? (known !== undefined && !this.#fetched.has(known) ? known : undefined);
    if (live !== undefined) {
      const begun = live.begin(start);
      if (begun === "expired") this.outgrown(sequence);
      return begun;
    }
    if (this.#whole.has(sequence)) return "expired";
    const cut = this.#cut.get(sequence);
    // Where it is one subgroup its publisher may send all of it again.
    if (cut !== undefined && !isWhole(start)) return this.#openRest(start, cut);
    this.#cut.delete(sequence);
    known?.evict();
    const newest = this.#newest;
    const group = this.#create(start);
    this.#open.set(sequence, group);
    if (newest === undefined || sequence > newest.sequence) {
      this.#newest = group;
      if (newest?.keeps) this.#cache.offer(newest);
    } else {
      this.#cache.offer(group);
    }
    this.#trim();
    this.expire(maxLatency);
    return group.first;
  }

  /** Something of a group came after it was over. Where its end was only taken for granted, what is kept is not all of it. */
  outgrown(sequence: number): void {
    const group = this.#groups.get(sequence);
    if (group?.open === false && !group.complete) group.evict();
  }

  /** Something of a group comes after it was reset: it is passed on to viewers of subgroups, and not kept. */
  #openRest(start: SubgroupStart, cut: Reached): Subgroup<Group> | Reason {
    const reached = cut.get(start.subgroup);
    if (reached === Number.POSITIVE_INFINITY) return "duplicate";
    if (reached === undefined && cut.size >= MAX_SUBGROUPS) {
      this.#host.counters.boundsHit.subgroups_per_group++;
      return "limit";
    }
    this.#groups.get(start.group)?.evict();
    const group = new Group(start, this.#host.clock.now(), this.#groupHost, cut);
    group.evict();
    this.#open.set(start.group, group);
    if (this.#newest?.sequence === start.group) this.#newest = group;
    return group.first;
  }

  /** Where the datagram objects of a live group are kept: absent before the first one. */
  datagramsOf(group: number): Subgroup<Group> | undefined {
    return this.#open.get(group)?.datagrams;
  }

  /** A datagram was the last object of a live group, which ends before the object `id`. */
  endGroup(group: number, id: number): void {
    const open = this.#open.get(group);
    open?.endsAt(id);
    if (open?.complete) open.conclude();
    else if (open?.lacks) this.#track.lacks(open);
  }

  /** A live group was joined inside, with its object `id`. */
  joinedAt(group: number, id: number): void {
    (this.#open.get(group) ?? this.#groups.get(group))?.joinedAt(id);
  }

  /** More of the group may come by the live subscription: what a fetch brings of it now is not all of it. */
  receives(sequence: number): boolean {
    return this.#open.has(sequence);
  }

  /** Begins a group that is being fetched beside the live one, for those that are attached to it now. It is not kept. */
  fetchedBeside(start: SubgroupStart): Group {
    const group = new Group(start, this.#host.clock.now(), this.#groupHost);
    this.#fetched.add(group);
    group.evict();
    return group;
  }

  /** Begins a group that is being fetched. */
  fetched(start: SubgroupStart): Group {
    const group = this.#create(start);
    this.#fetched.add(group);
    this.#cache.offer(group);
    return group;
  }

  /** Milliseconds by which `group` is older than the newest: by arrival or by timestamps, whichever is more. */
  age(group: Group): number {
    const newest = this.#newest;
    if (newest === undefined || newest === group) return 0;
    const byArrival = newest.arrivedAt - group.arrivedAt;
    if (newest.firstTimestamp === undefined || group.firstTimestamp === undefined) return byArrival;
    return Math.max(byArrival, ((newest.firstTimestamp - group.firstTimestamp) * 1000) / this.#track.timescale());
  }

  /**
   * Milliseconds by which the newest timestamp is later than any that `group` may have: a group reaches as far as the first timestamp of
   * the one after it (moq-lite 06 Expiration). Minus infinity where no later group has a timestamp.
   */
  reachedAge(group: Group): number {
    let next = this.#groups.get(group.sequence + 1)?.firstTimestamp;
    let newest = this.#newest?.lastTimestamp;
    if (next === undefined || newest === undefined) {
      const later = this.joinable(group.sequence + 1, Number.POSITIVE_INFINITY).filter(
        ({ firstTimestamp }) => firstTimestamp !== undefined,
      );
      next ??= later[0]?.firstTimestamp;
      newest ??= later.at(-1)?.lastTimestamp;
    }
    if (next === undefined || newest === undefined) return Number.NEGATIVE_INFINITY;
    return ((newest - next) * 1000) / this.#track.timescale();
  }

  /** Evicts complete groups that are older than the publisher (moq-lite Publisher Max Latency) or the operator allows. */
  expire(maxLatency: number): void {
    const newest = this.#newest;
    if (newest === undefined) return;
    const keep = Math.min(maxLatency, this.#host.terms().maxAgeMs);
    // Groups are in order of arrival, so no later one is too old.
    for (const group of this.#groups.values()) {
      if (newest.arrivedAt - group.arrivedAt <= keep) return;
      if (group !== newest && !group.open) group.evict();
    }
  }

  /**
   * Ends groups that get no objects any more: those before the newest, and those whose publisher has named their end. `maxLatency`: objects wait
   * no longer than this for lower ones. True where that has to be asked again in a while.
   */
  abandon(maxLatency: number): boolean {
    const now = this.#host.clock.now();
    let again = false;
    for (const group of [...this.#open.values()]) {
      if (group !== this.#newest) {
        group.waitNoLonger(now - maxLatency);
        group.abandon(now - ABANDON_MS, now - QUIET_MS);
      } else if (group.lacks && group.activeAt <= now - MISSING_MS) group.conclude();
      else again = group.lacks;
    }
    return again;
  }

  /** No more subgroups come: groups whose subgroups have all ended are over. */
  conclude(): void {
    for (const group of [...this.#open.values()]) group.conclude();
  }

  #done(group: Group): void {
    const { sequence, whole } = group;
    if (this.#open.get(sequence) === group) {
      this.#open.delete(sequence);
      if (whole) this.#remember(sequence);
      else this.#rememberCut(group);
    }
    if (!whole) group.evict();
  }

  #rememberCut({ sequence, reached }: Group): void {
    this.#cut.set(sequence, reached);
    const [oldest] = this.#cut.keys();
    if (oldest !== undefined && this.#cut.size > REMEMBERED) this.#cut.delete(oldest);
  }

  #remember(sequence: number): void {
    this.#whole.add(sequence);
    const [oldest] = this.#whole;
    if (oldest !== undefined && this.#whole.size > REMEMBERED) this.#whole.delete(oldest);
  }

  /** The live subscription has ended: its unfinished groups are reset. */
  cutOff(reason: Reason): void {
    this.conclude();
    for (const group of [...this.#open.values()]) group.stop(reason);
    this.#open.clear();
    // The next source may send them.
    this.#cut.clear();
  }

  /** The track ends: its newest group is not kept for later viewers. */
  retire(): void {
    this.#newest = undefined;
    this.clear();
  }

  /** Evicts groups that were kept over the budget for viewers that waited; those viewers are attached by now. */
  repay(): void {
    for (const group of [...this.#groups.values()]) {
      if (!this.#cache.overdrawn) return;
      group.evict();
    }
  }

  /** Evicts everything that is kept, the newest group too. What is under way goes on to its viewers. */
  purge(): void {
    for (const group of [...this.#groups.values()]) group.evict();
  }

  clear(): void {
    for (const group of [...this.#groups.values()]) group.evict();
    this.#whole.clear();
    this.#cut.clear();
    this.#newest = undefined;
  }

  #create(start: SubgroupStart): Group {
    const group = new Group(start, this.#host.clock.now(), this.#groupHost);
    this.#groups.set(start.group, group);
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
