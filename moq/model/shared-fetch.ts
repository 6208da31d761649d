import type { Reason } from "../reason.ts";
import { CachedFetch } from "./cached-fetch.ts";
import {
  type FetchedObject,
  type FetchGap,
  type FetchRange,
  type FetchWriter,
  LAST_OBJECT,
  type Location,
  type Source,
} from "./contract.ts";
import type { GroupStore } from "./group-store.ts";
import type { RangeFetch } from "./range-fetch.ts";
import { fetchAtSource, type SourceAsk } from "./source-fetch.ts";

export interface SharedFetchRequest extends SourceAsk {
  /** Added to the source's numbers to get the track's. */
  readonly offset: number;
  /** In the track's numbers. */
  readonly range: FetchRange;
  readonly store: GroupStore;
  /** It is over. */
  readonly gone: () => void;
}

/**
 * One fetch at a source, for all fetches of ranges that need it: each gets the objects from the group on that it waits for. Whole groups go into
 * the cache as well.
 */
export class SharedFetch implements FetchWriter {
  readonly source: Source;
  readonly #request: SharedFetchRequest;
  readonly #waiting = new Set<RangeFetch>();
  /** The group that is arriving, and where it goes in the cache; nowhere if the cache has it, or if it comes in part. */
  #current: number | undefined;
  #cached: CachedFetch | undefined;
  #skips = false;
  /** A group of which a gap has hidden the first objects. */
  #partial: number | undefined;
  /** The lowest group in the order of the range that may still begin. */
  #next: number;
  #cancel: () => void = () => {};
  #stop: (reason: Reason) => void = () => {};
  #over = false;

  constructor(request: SharedFetchRequest) {
    this.#request = request;
    this.source = request.source;
    const { start, end, descending = false } = request.range;
    this.#next = descending ? end.group : start.group;
  }

  /** Asks the source. Called once, when the first reader waits. */
  start(): void {
    const { offset, range } = this.#request;
    const theirs = {
      ...range,
      start: { ...range.start, group: range.start.group - offset },
      end: { ...range.end, group: range.end.group - offset },
    };
    const cancel = fetchAtSource({ ...this.#request, range: theirs }, this);
    if (this.#over) cancel();
    else this.#cancel = cancel;
  }

  /** Whether it will bring all of `part`, in its order. */
  covers({ start, end, descending = false }: FetchRange): boolean {
    const { range } = this.#request;
    if (this.#over || (range.descending ?? false) !== descending) return false;
    const hasBegun = this.#isBefore(descending ? end.group : start.group, this.#next);
    return !hasBegun && !isBelow(start, range.start) && !isBelow(range.end, end);
  }

  /** `reader` waits for a group. False where it does already. */
  wait(reader: RangeFetch): boolean {
    if (this.#waiting.has(reader)) return false;
    this.#waiting.add(reader);
    return true;
  }

  /** `reader` waits no longer. The source is asked for no more once none is left. */
  leave(reader: RangeFetch): void {
    if (!this.#waiting.delete(reader) || this.#waiting.size > 0 || this.#over) return;
    this.#end();
    this.#cached?.reset("cancelled");
    this.#stop("cancelled");
    this.#cancel();
  }

  object(object: FetchedObject): void {
    if (this.#over) return;
    const group = object.group + this.#request.offset;
    if (this.#current !== group) this.#begin(group);
    if (this.#skips || this.#over) return;
    const record = { ...object, group };
    this.#cached?.object(record);
    for (const reader of this.#waiting) reader.object(record);
  }

  payload(bytes: Uint8Array): void {
    this.#cached?.payload(bytes);
    for (const reader of this.#waiting) reader.payload(bytes);
  }

  end(): void {
    this.#cached?.end();
    for (const reader of this.#waiting) reader.end();
  }

  gap(kind: FetchGap, { group, object }: Location): void {
    if (this.#over) return;
    const end = { group: group + this.#request.offset, object };
    if (kind !== "nonexistent") this.#lacks(end);
    if (this.#current !== end.group || object === LAST_OBJECT) this.#close();
    if (this.#over) return;
    if (object === LAST_OBJECT) this.#next = this.#after(end.group);
    for (const reader of [...this.#waiting]) reader.gap(kind, end);
  }

  finish(): void {
    if (this.#over) return;
    this.#close();
    if (this.#over) return;
    this.#end();
    for (const reader of this.#take()) reader.answered();
  }

  reset(reason: Reason): void {
    if (this.#over) return;
    this.#end();
    const waiting = this.#take();
    this.#cached?.reset(reason);
    for (const reader of waiting) reader.failed(reason);
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#stop = callback;
  }

  /** Up to `end` objects may exist that do not come: the groups at both ends of the gap are not whole, so the cache does not keep them. */
  #lacks(end: Location): void {
    this.#cached?.giveUp();
    this.#cached = undefined;
    this.#partial = end.object === LAST_OBJECT ? undefined : end.group;
  }

  #begin(group: number): void {
    this.#close();
    if (this.#over) return;
    const { store, range } = this.#request;
    if (this.#isBefore(group, this.#next) || group < range.start.group || group > range.end.group) {
      this.#stop("protocol");
      this.#cancel();
      this.reset("protocol");
      return;
    }
    this.#current = group;
    this.#next = this.#after(group);
    const kept = store.get(group);
    const isKept = kept?.keeps === true;
    this.#skips = isKept && kept.from <= (group === range.start.group ? range.start.object : 0);
    if (this.#skips) for (const reader of [...this.#waiting]) reader.passes(group, true);
    else if (!isKept && this.#isWhole(group) && !store.receives(group)) this.#cached = new CachedFetch(group, store);
  }

  #isWhole(group: number): boolean {
    const { start, end } = this.#request.range;
    if (group === this.#partial) return false;
    return (group !== start.group || start.object === 0) && (group !== end.group || end.object === LAST_OBJECT);
  }

  /** The group that was arriving is complete. */
  #close(): void {
    const group = this.#current;
    if (group === undefined) return;
    this.#current = undefined;
    const cached = this.#cached;
    this.#cached = undefined;
    cached?.finish();
    const { end } = this.#request.range;
    const last = group === end.group ? end.object : LAST_OBJECT;
    if (!this.#skips) for (const reader of [...this.#waiting]) reader.passes(group, false, last);
    this.#skips = false;
  }

  #take(): RangeFetch[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }

  #isBefore(a: number, b: number): boolean {
    return this.#request.range.descending === true ? a > b : a < b;
  }

  #after(group: number): number {
    return this.#request.range.descending === true ? group - 1 : group + 1;
  }

  #end(): void {
    this.#over = true;
    this.#request.gone();
  }
}

function isBelow(a: Location, b: Location): boolean {
  return a.group < b.group || (a.group === b.group && a.object < b.object);
}
