import type { BoundName } from "../counters.ts";
import type { Reason } from "../reason.ts";
import type { CacheShare, Evictable } from "./cache.ts";
import type { Reached } from "./continued-subgroup.ts";
import type { Channel, Later, OutStream, SubgroupStart } from "./contract.ts";
import { DATAGRAMS } from "./datagram-run.ts";
import type { GroupHost } from "./group-host.ts";
import { isWhole, wholeGroup } from "./locations.ts";
import { Merge } from "./merge.ts";
import type { StreamStart } from "./partial-streams.ts";
import { attach, type Part, type Run } from "./replay.ts";
import { Subgroup } from "./subgroup.ts";

/**
 * A group of at most so many bytes is small: a catalog, a second of sound, the first bytes of a video group. Large groups make room for
 * small ones. While viewers wait for the track's properties, a small group is kept even over the budget: no viewer is attached yet, so
 * without it they would get no group at all.
 */
const SMALL_BYTES = 64 * 1024;

/**
 * Subgroups of one group that are received. Each is a stream of the publisher and one of every viewer. Layered video has a few; a publisher that
 * makes a subgroup of each object of a group of some seconds has as many as it has objects.
 */
export const MAX_SUBGROUPS = 512;

/** Bytes of a further subgroup of a group, without any object, as measured with `process.memoryUsage()`. The cache charges them. */
const SUBGROUP_OVERHEAD = 650;

/** Most groups have one subgroup. */
const NONE: readonly Subgroup<Group>[] = [];

/**
 * A decodable run of objects in one or more subgroups: the unit of caching, skipping and expiry. It is over once
 *
 * - all its subgroups have ended, and it has all objects up to the end that the publisher has named, or
 * - all its subgroups have ended, and the store says that no more will come, or
 * - a subgroup was reset, and the others have ended.
 */
export class Group implements Evictable {
  /** In the numbering that subscribers see. */
  readonly sequence: number;
  /** When it began, in the clock's milliseconds. */
  readonly arrivedAt: number;
  /** The subgroup with which it began. */
  readonly first: Subgroup<Group>;
  /** Timestamp of its first object, once there is one. */
  firstTimestamp: number | undefined;
  /** Objects of all its subgroups. */
  objects = 0;
  /** Its publisher has said that the track ends with it. */
  endsTrack = false;
  readonly #host: GroupHost<Group>;
  #others: readonly Subgroup<Group>[] = NONE;
  /** Subgroups that get objects. */
  #opens = 1;
  /** No object has this id or a higher one. */
  #end = Number.POSITIVE_INFINITY;
  #over = false;
  #broken: Reason | undefined;
  #endedAt: number | undefined;
  #merge: Merge | undefined;
  /** A reader takes its subgroups merged. */
  #merges = false;
  #onOver: (() => void)[] | undefined;
  /** Absent without any, so that an object costs nothing. */
  #watchers: Set<() => void> | undefined;
  #charged = 0;
  #keeps = true;
  /** The subscription that brings it began inside it, with this object. */
  #joinedAt: number | undefined;
  readonly #rest: Reached | undefined;

  /**
   * `start`: of its first subgroup, in the numbering that subscribers see. `rest`: it is what comes after a reset, when nothing of the group was
   * open any more; with what came before.
   */
  constructor(start: SubgroupStart, arrivedAt: number, host: GroupHost<Group>, rest?: Reached) {
    this.sequence = start.group;
    this.arrivedAt = arrivedAt;
    this.#host = host;
    this.#rest = rest;
    if (rest !== undefined) this.#broken = "upstream";
    this.first = new Subgroup(start, this, host, arrivedAt, rest?.get(start.subgroup));
    host.counters.cacheGroups++;
  }

  get group(): this {
    return this;
  }

  /** As the only subgroup of a group that is sent as one stream. */
  get start(): SubgroupStart {
    const { start } = this.first;
    return isWhole(start) ? start : { ...wholeGroup(this.sequence), firstObject: start.firstObject };
  }

  get firstId(): number {
    return this.first.firstId;
  }

  /** It may get more objects. */
  get open(): boolean {
    return !this.#over;
  }

  /** It is over, and nothing of it is missing. */
  get whole(): boolean {
    return this.#over && this.#broken === undefined;
  }

  /** When its last byte came; absent until it is whole. */
  get endedAt(): number | undefined {
    return this.#endedAt;
  }

  /** When its last object began; before the first object, when it began. Infinite while an object is arriving. */
  get activeAt(): number {
    let last = this.first.activeAt;
    for (const one of this.#others) last = Math.max(last, one.activeAt);
    return last;
  }

  get payloadBytes(): number {
    if (this.#others.length === 0) return this.first.payloadBytes;
    let sum = this.first.payloadBytes;
    for (const one of this.#others) sum += one.payloadBytes;
    return sum;
  }

  /** When its last subgroup ended. */
  get #lastEnd(): number | undefined {
    let last = this.first.endedAt;
    for (const { endedAt = 0 } of this.#others) last = Math.max(last ?? 0, endedAt);
    return last;
  }

  /** The highest id of its objects; -1 without one. */
  get lastId(): number {
    let last = this.first.lastId;
    for (const one of this.#others) last = Math.max(last, one.lastId);
    return last;
  }

  /** The latest timestamp that a last object of its subgroups has. Nothing without an object. */
  get lastTimestamp(): number | undefined {
    if (this.firstTimestamp === undefined) return undefined;
    let last = this.first.lastTimestamp;
    for (const one of this.#others) if (one.lastId >= 0) last = Math.max(last, one.lastTimestamp);
    return last;
  }

  /** Bytes that it takes in the cache. */
  get keptBytes(): number {
    return this.#charged;
  }

  /** Whether it is kept from its first object on, so that a reader may join. */
  get keeps(): boolean {
    return this.#keeps && this.#broken === undefined;
  }

  /** It is open or whole, but not kept: no further reader can join. */
  get passesThrough(): boolean {
    return !this.#keeps && this.#broken === undefined;
  }

  /** Its subgroups in the order in which they began. */
  get subgroups(): readonly Subgroup<Group>[] {
    return this.#others.length === 0 ? [this.first] : [this.first, ...this.#others];
  }

  /** Where its datagram objects are kept, once there was one. */
  get datagrams(): Subgroup<Group> | undefined {
    if (this.first.start.subgroup === DATAGRAMS) return this.first;
    return this.#others.find(({ start }) => start.subgroup === DATAGRAMS);
  }

  /** Its objects in one order, for dialects that take whole groups. */
  get run(): Run {
    return this.#merge ?? this.first;
  }

  /** Only viewers of subgroups get it: a part of the group was lost, and the group was over. */
  get isRest(): boolean {
    return this.#rest !== undefined;
  }

  /** What came of each of its subgroups, once it is over. */
  get reached(): Reached {
    return new Map([...(this.#rest ?? []), ...this.subgroups.map((one) => [one.start.subgroup, one.reached] as const)]);
  }

  /**
   * A further subgroup begins, or one goes on that was reset. Refused where it has begun before and was not reset, where the group is over, or at
   * the bound.
   */
  begin(start: SubgroupStart): Subgroup<Group> | Reason {
    const before = this.subgroups.findLast((one) => one.start.subgroup === start.subgroup);
    const after = before?.reached ?? this.#rest?.get(start.subgroup);
    if (after === Number.POSITIVE_INFINITY) return "duplicate";
    if (this.#over) return "expired";
    const cut = after === undefined ? (this.#rest?.size ?? 0) : 0;
    if (this.#others.length + 1 + cut >= MAX_SUBGROUPS) {
      this.#host.counters.boundsHit.subgroups_per_group++;
      return "limit";
    }
    const subgroup = new Subgroup<Group>(start, this, this.#host, this.#host.clock.now(), after);
    this.#others = [...this.#others, subgroup];
    this.#opens++;
    this.keep(SUBGROUP_OVERHEAD);
    if (!this.#keeps) subgroup.forget();
    if (this.#broken !== undefined) return subgroup;
    if (this.#merge !== undefined) this.#merge.add(subgroup);
    else if (this.#merges) this.#mergeSubgroups();
    return subgroup;
  }

  /** It has all objects up to the end that the publisher has named. */
  get complete(): boolean {
    return this.objects >= this.#end - this.from;
  }

  /** All its subgroups have ended, and it lacks ids below the end that the publisher has named. */
  get lacks(): boolean {
    const ending = this.datagrams?.open === true ? 1 : 0;
    return !this.#over && this.#opens === ending && Number.isFinite(this.#end) && !this.complete;
  }

  /** Objects with lower ids are not there and may exist: 0 unless it was joined inside. Infinite where it was, and has no object yet. */
  get from(): number {
    const { first } = this;
    if (this.#others.length === 0 && this.#joinedAt === undefined && first.start.firstObject) return 0;
    let lowest = this.#joinedAt ?? Number.POSITIVE_INFINITY;
    let isWhole = this.#joinedAt === undefined;
    for (const { start, firstId, lastId } of this.subgroups) {
      isWhole &&= start.firstObject;
      if (lastId >= 0) lowest = Math.min(lowest, firstId);
    }
    return isWhole ? 0 : lowest;
  }

  /** Its subscription begins with its object `id`: no earlier one comes. */
  joinedAt(id: number): void {
    this.#joinedAt = id;
  }

  /** No object of it has the id `id` or a higher one. */
  endsAt(id: number): void {
    this.#end = Math.min(this.#end, id);
  }

  /**
   * `stream`, of a dialect that takes whole groups, gets the objects of `part` that are there, and then those that come, in the order of their ids
   * (see {@link attach}).
   */
  attach(channel: Channel, stream: OutStream, later?: Later, part?: Part): void {
    if (this.#others.length > 0 && this.#merge === undefined) this.#mergeSubgroups();
    this.#merges = true;
    attach(this, channel, stream, later, part);
  }

  /** Begins once bytes of an object with the id `id` or a higher one are there, in the order of {@link run}; now if they are. */
  startAt(id: number, start: StreamStart): void {
    if (this.#others.length > 0 && this.#merge === undefined) this.#mergeSubgroups();
    this.#merges = true;
    if (this.#merge === undefined) this.first.startAt(id, start, true);
    else this.#merge.startAt(id, start);
  }

  /** Calls `callback` once no more objects come, possibly now. */
  whenOver(callback: () => void): void {
    if (this.#over) callback();
    else if (this.#onOver === undefined) this.#onOver = [callback];
    else this.#onOver.push(callback);
  }

  /** Calls `callback` when an object is whole, and when a subgroup or the group ends or is evicted. Returns a stop. */
  watch(callback: () => void): () => void {
    this.#watchers ??= new Set();
    const watchers = this.#watchers.add(callback);
    return () => {
      if (watchers.delete(callback) && watchers.size === 0) this.#watchers = undefined;
    };
  }

  /** Somebody watches it. */
  get watched(): boolean {
    return this.#watchers !== undefined;
  }

  /** Tells those that watch it. */
  changed(): void {
    for (const callback of [...(this.#watchers ?? [])]) callback();
  }

  /** Ends its subgroups that got no object since `before`, and the group where nothing came since `quiet` and all its subgroups have ended. */
  abandon(before: number, quiet: number): void {
    for (const one of this.subgroups) one.abandon(before);
    if (this.activeAt <= quiet) this.conclude();
  }

  /** Objects that have waited for lower ones since before `before` are sent to readers of whole groups. */
  waitNoLonger(before: number): void {
    this.#merge?.waitNoLonger(before);
  }

  /** No more subgroups come: it is over where all have ended. */
  conclude(): void {
    // Datagrams have no end of their own.
    if (!this.#over && this.#opens === 1) this.datagrams?.finish();
    if (this.#over || this.#opens > 0) return;
    this.#over = true;
    if (this.#broken === undefined) this.#endedAt = this.#lastEnd;
    if (this.#merge === undefined) this.first.groupOver();
    else this.#merge.finish();
    const callbacks = this.#onOver;
    this.#onOver = undefined;
    this.#host.done(this);
    for (const callback of callbacks ?? []) callback();
    this.changed();
  }

  /** The relay wants no more of it: the publisher gets STOP_SENDING, and the readers are reset. */
  stop(reason: Reason): void {
    this.#broken ??= reason;
    for (const one of this.subgroups) one.stop(reason);
    this.conclude();
  }

  /** One of its subgroups gets no more objects. Called by the subgroup. */
  subgroupDone(subgroup: Pick<Subgroup<Group>, "broken">): void {
    const { broken } = subgroup;
    this.#opens--;
    // A further one is charged when it begins.
    if (this.first.lastId < 0 && this.first === subgroup) this.keep(SUBGROUP_OVERHEAD);
    if (broken !== undefined) {
      // A run with a gap is not decodable, so what is left of it goes to those alone that read the other subgroups.
      this.#broken ??= broken;
      this.#merge?.reset(broken);
      if (this.#opens > 0) this.evict();
    } else if (this.#merge !== undefined) this.#merge.pump();
    if (this.#opens === 0 && (this.#broken !== undefined || this.complete)) this.conclude();
    else if (this.lacks) this.#host.lacks(this);
  }

  /** Charges `bytes` to the budget. False when the group is not kept, now or any more: it passes through. */
  keep(bytes: number): boolean {
    if (!this.#keeps) return false;
    const { cache } = this.#host;
    const small = this.#charged + bytes <= SMALL_BYTES;
    if (!cache.charge(bytes, small)) {
      if (!small || !this.#host.awaited()) {
        this.passThrough("cache_bytes");
        return false;
      }
      cache.overdraw(bytes);
    }
    // The cache may have evicted this very group to make room.
    if (!this.#keeps) {
      cache.release(bytes);
      return false;
    }
    if (!small && this.#charged <= SMALL_BYTES) cache.grown(this);
    this.#charged += bytes;
    return true;
  }

  /**
   * A bound on what is kept was reached. Attached viewers get the rest of the group. Later viewers start with the next group, because
   * frames in the middle of a group mean nothing without those before.
   */
  passThrough(bound: BoundName): void {
    if (!this.#keeps) return;
    this.#host.counters.boundsHit[bound]++;
    this.evict();
  }

  /** Its bytes are charged to `to` from now on. The caller changes the share of its host afterwards. */
  moveTo(to: CacheShare): void {
    if (this.#keeps) this.#host.cache.move(this, this.#charged, to);
  }

  /** Gives its bytes back. Attached viewers get the rest; no further viewer can join. */
  evict(): void {
    if (!this.#keeps) return;
    this.#keeps = false;
    this.#host.cache.withdraw(this);
    this.#host.cache.release(this.#charged);
    this.#charged = 0;
    this.#host.counters.cacheGroups--;
    if (this.#merge !== undefined) this.#merge.evicted();
    this.first.forget();
    for (const one of this.#others) one.forget();
    this.#host.forgotten(this);
  }

  /** One of its subgroups is not passed on any more: subgroups that wait for that are merged. Called by the subgroup. */
  unpassed(): void {
    if (!this.#merges || this.#others.length === 0 || this.#merge !== undefined || this.first.passes) return;
    // What other subgroups have brought meanwhile may not be there any more.
    const isLost = !this.#keeps && this.#others.some((one) => one.lastId >= 0);
    const merge = this.#mergeNow();
    if (this.#broken !== undefined) merge.reset(this.#broken);
    else if (isLost) merge.reset("evicted");
  }

  /** Merges its subgroups, now or once what the engine has written to readers of whole groups is here. */
  #mergeSubgroups(): void {
    if (this.#merges && this.first.passes) this.first.unpass();
    else this.#mergeNow();
  }

  #mergeNow(): Merge {
    const merge = new Merge(this.first, this.#merges, this.#host);
    this.#merge = merge;
    for (const one of this.#others) merge.add(one);
    merge.pump();
    if (this.#keeps) return merge;
    merge.evicted();
    merge.pump();
    return merge;
  }
}
