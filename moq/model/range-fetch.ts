import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Reason } from "../reason.ts";
import {
  type FetchedObject,
  type FetchGap,
  type FetchRange,
  type FetchReader,
  LAST_OBJECT,
  type Later,
  type Location,
} from "./contract.ts";
import type { Group } from "./group.ts";
import { GroupReading } from "./group-reading.ts";
import type { GroupStore } from "./group-store.ts";
import type { CacheUse } from "./track-view.ts";

/** Groups that one fetch may have: more than an hour of them, one a second. A longer range ends with `limit`. */
const MAX_GROUPS = 4096;

/** Bytes of payload that one fetch may have: as much as a cache of ordinary size. A longer fetch ends with `limit`. */
const MAX_BYTES = 512 * 2 ** 20;

/** Bytes in the queue of the one that asked, above which the next group waits. */
const QUEUE_BYTES = 2 ** 20;

/** Milliseconds until the queue is looked at again. */
const PACE_MS = 20;

/** Milliseconds without an object after which the rest of the range is reported as `timed_out`. */
const IDLE_MS = 10_000;

/** Groups that are sent in one turn. Further ones follow in later turns. */
const GROUPS_PER_TURN = 32;

/** What a fetch of a range needs from its track. */
export interface RangeHost {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly use: CacheUse;
  readonly store: GroupStore;
  /** `reader` waits for `part`, a part of its range that is not in the cache. */
  missing(reader: RangeFetch, part: FetchRange): void;
  /** It waits no longer. */
  left(reader: RangeFetch): void;
  /** So many bytes of payload were sent. */
  sent(bytes: number): void;
}

export interface RangeRequest {
  /** In the track's numbers. */
  readonly range: FetchRange;
  readonly reader: FetchReader;
  /** As `Subscriber` has it. */
  readonly later: Later | undefined;
  /** As `RangeWhere` has it. */
  readonly waitMs: number | undefined;
  /** It has ended, with the bytes of payload that were sent. Called once. */
  readonly over: (payloadBytes: number) => void;
}

/**
 * - `ready`: the next group is to be found.
 * - `reading`: a group is being read from the cache.
 * - `waiting`: the source has been asked for the next group, and its objects are passed on as they come.
 * - `paused`: the one that asked reads slowly.
 */
type State = "ready" | "reading" | "waiting" | "paused" | "over";

/** One fetch of a range: group by group, from the cache where a group is kept, and else from the source. */
export class RangeFetch {
  readonly descending: boolean;
  readonly #host: RangeHost;
  readonly #request: RangeRequest;
  #state: State = "ready";
  /** The next group, and the lowest object of it that has not been sent. */
  #group: number;
  #object = 0;
  /** An object of the source has been passed on in part. */
  #inObject = false;
  #groups = 0;
  #bytes = 0;
  /** The last group that the source was asked for, and up to which object of it. */
  #asked: number;
  #askedTo = LAST_OBJECT;
  #stopReading: () => void = () => {};
  #cancelPace: () => void = () => {};
  #cancelIdle: () => void = () => {};
  /** Milliseconds that it has waited for sources, and since when it waits now. */
  #waited = 0;
  #waitsSince: number | undefined;
  #cancelWait: () => void = () => {};
  /** The time to wait was over inside an object. */
  #expired = false;
  #activeAt: number;
  #stepping = false;

  constructor(host: RangeHost, request: RangeRequest) {
    const { start, end, descending = false } = request.range;
    this.#host = host;
    this.#request = request;
    this.descending = descending;
    this.#group = descending ? end.group : start.group;
    this.#asked = this.#group;
    this.#goTo(this.#group);
    this.#activeAt = host.clock.now();
  }

  /** Called once. */
  start(): void {
    this.#request.reader.onStop(() => this.cancel());
    this.#watchIdle();
    this.#step();
  }

  /** The source has an object, in the track's numbers. What comes before its group in the range does not exist. */
  object(object: FetchedObject): void {
    if (this.#state !== "waiting" || this.#isBefore(object.group, this.#group)) return;
    if (object.group !== this.#group) this.#goTo(object.group);
    if (object.object < this.#object || object.object > this.#lastObject(object.group)) return;
    this.#inObject = object.status === undefined;
    this.#passed(object.object, object.size);
    this.#request.reader.object(object);
  }

  payload(bytes: Uint8Array): void {
    if (this.#inObject) this.#request.reader.payload(bytes);
  }

  end(): void {
    if (!this.#inObject) return;
    this.#inObject = false;
    this.#request.reader.end();
    if (this.#expired) this.#expire();
  }

  /** The source has no more of the group up to the object `last`. `cached`: it has begun a group that the cache has. */
  passes(group: number, cached: boolean, last = LAST_OBJECT): void {
    if (this.#state !== "waiting" || this.#isBefore(group, this.#group)) return;
    if (cached) {
      this.#groups++;
      this.#goTo(group);
    } else this.#pass(group, last);
    this.#ready();
  }

  /** The source has nothing up to `end`. */
  gap(kind: FetchGap, end: Location): void {
    if (this.#state !== "waiting" || this.#isBefore(end.group, this.#group)) return;
    const last = this.#isBefore(this.#last, end.group);
    const { group, object } = last ? { group: this.#last, object: this.#lastObject(this.#last) } : end;
    this.#request.reader.gap(kind, { group, object });
    this.#activeAt = this.#host.clock.now();
    if (last || object === LAST_OBJECT) this.#goTo(this.#after(group));
    else {
      if (group !== this.#group) this.#goTo(group);
      this.#object = Math.max(this.#object, object + 1);
    }
    this.#ready();
  }

  /** The source has sent all that it was asked for. */
  answered(): void {
    if (this.#state !== "waiting") return;
    if (!this.#isBefore(this.#asked, this.#group)) this.#pass(this.#asked, this.#askedTo);
    this.#ready();
  }

  /** The source sends no more of what it was asked for. */
  failed(reason: Reason): void {
    if (this.#state !== "waiting") return;
    const alone = this.#groups === 0 && this.#asked === this.#last;
    // Only what the cache lacks of a group was asked for: the cache has the rest.
    const isPart = this.#askedTo < this.#lastObject(this.#asked);
    if (this.#inObject || (reason !== "timeout" && !isPart && (reason !== "not_found" || alone))) {
      this.#end((reader) => reader.reset(reason));
      return;
    }
    // The rest of the range may be in the cache.
    const end = { group: this.#asked, object: this.#askedTo };
    this.#request.reader.gap(reason === "timeout" ? "timed_out" : "unknown", end);
    this.#pass(this.#asked, this.#askedTo);
    this.#ready();
  }

  cancel(): void {
    this.#end((reader) => reader.reset("cancelled"));
  }

  /** Finds the next group, now or once the caller's call has done so for the group before. */
  #ready(): void {
    if (this.#state === "over") return;
    this.#stopWait();
    this.#state = "ready";
    this.#step();
  }

  #step(): void {
    if (this.#stepping) return;
    this.#stepping = true;
    for (let left = GROUPS_PER_TURN; this.#state === "ready"; left--) {
      const { later } = this.#request;
      if (left > 0 || later === undefined) {
        this.#next();
        continue;
      }
      later(() => {
        this.#step();
        return true;
      });
      break;
    }
    this.#stepping = false;
  }

  #next(): void {
    const { clock, store, counters, use } = this.#host;
    const { reader } = this.#request;
    if (this.#isPast(this.#group)) {
      this.#end((one) => one.finish());
      return;
    }
    if (this.#groups >= MAX_GROUPS || this.#bytes >= MAX_BYTES) {
      counters.boundsHit.fetch_range++;
      this.#end((one) => one.reset("limit"));
      return;
    }
    if (reader.queued > QUEUE_BYTES) {
      this.#state = "paused";
      this.#cancelPace = clock.timer(PACE_MS, () => this.#ready());
      return;
    }
    const cached = store.get(this.#group);
    const from = cached?.keeps === true ? cached.from : 0;
    if (this.#object < from) {
      // A group that was joined inside.
      const to = Math.min(from - 1, this.#lastObject(this.#group));
      this.#ask(this.#group, to);
      return;
    }
    if (cached?.keeps) {
      counters.fetchHits++;
      use.hits++;
      this.#read(cached);
      return;
    }
    const next = store.nextKept(this.#group, this.descending);
    const last = next === undefined || this.#isPast(next) ? this.#last : this.#before(next);
    this.#ask(last, this.#lastObject(last));
  }

  /** Asks the source for all up to the object `to` of the group `last`. */
  #ask(last: number, to: number): void {
    this.#asked = last;
    this.#askedTo = to;
    this.#state = "waiting";
    if (!this.#wait()) return;
    const [low, high] = this.descending ? [last, this.#group] : [this.#group, last];
    const start = { group: low, object: low === this.#group ? this.#object : this.#firstObject(low) };
    const end = { group: high, object: high === last ? to : this.#lastObject(high) };
    this.#host.missing(this, { start, end, ...(this.descending ? { descending: true } : {}) });
  }

  /** Waits for the source as long as may be waited. False where that time is over. */
  #wait(): boolean {
    const { waitMs } = this.#request;
    if (waitMs === undefined) return true;
    const left = waitMs - this.#waited;
    if (left <= 0) {
      this.#expire();
      return false;
    }
    const { clock } = this.#host;
    this.#waitsSince = clock.now();
    this.#cancelWait = clock.timer(left, () => {
      this.#waited = waitMs;
      this.#waitsSince = undefined;
      this.#expire();
    });
    return true;
  }

  #stopWait(): void {
    this.#cancelWait();
    if (this.#waitsSince !== undefined) this.#waited += this.#host.clock.now() - this.#waitsSince;
    this.#waitsSince = undefined;
  }

  /** What the source has not sent is reported, and the rest may be in the cache. An object that is under way is sent before. */
  #expire(): void {
    if (this.#state !== "waiting") return;
    this.#expired = this.#inObject;
    if (this.#inObject) return;
    this.#host.left(this);
    this.#request.reader.gap("timed_out", { group: this.#asked, object: this.#askedTo });
    this.#pass(this.#asked, this.#askedTo);
    this.#ready();
  }

  #read(group: Group): void {
    this.#state = "reading";
    this.#groups++;
    const { sequence } = group;
    const { reader, later } = this.#request;
    const reading = new GroupReading(group, reader, {
      from: this.#object,
      to: this.#lastObject(sequence),
      later,
      passed: (id, bytes) => this.#passed(id, bytes),
      over: (complete) => {
        if (this.#state !== "reading") return;
        // What was evicted is asked for.
        if (complete) this.#goTo(this.#after(sequence));
        this.#ready();
      },
    });
    this.#stopReading = () => reading.stop();
    reading.start();
  }

  #passed(id: number, bytes: number): void {
    const { clock, counters } = this.#host;
    this.#activeAt = clock.now();
    this.#object = id + 1;
    this.#bytes += bytes;
    counters.framesOut++;
    counters.bytesOut += bytes;
  }

  /** There is nothing more up to the object `last` of `group`. */
  #pass(group: number, last: number): void {
    if (last < this.#lastObject(group)) {
      if (group !== this.#group) this.#goTo(group);
      this.#object = Math.max(this.#object, last + 1);
      return;
    }
    this.#groups++;
    this.#goTo(this.#after(group));
  }

  #goTo(group: number): void {
    this.#group = group;
    this.#object = this.#firstObject(group);
  }

  #end(how: (reader: FetchReader) => void): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#inObject = false;
    this.#stopWait();
    this.#stopReading();
    this.#cancelPace();
    this.#cancelIdle();
    this.#host.left(this);
    this.#host.sent(this.#bytes);
    const { reader, over } = this.#request;
    how(reader);
    over(this.#bytes);
  }

  #watchIdle(): void {
    const { clock } = this.#host;
    const left = this.#activeAt + IDLE_MS - clock.now();
    this.#cancelIdle = clock.timer(Math.max(1, left), () => {
      const { reader } = this.#request;
      // A peer that reads slowly is no reason to end.
      if (reader.queued > 0) this.#activeAt = clock.now();
      if (clock.now() - this.#activeAt < IDLE_MS) this.#watchIdle();
      else if (this.#inObject) this.#end((one) => one.reset("timeout"));
      else {
        reader.gap("timed_out", { group: this.#last, object: this.#lastObject(this.#last) });
        this.#end((one) => one.finish());
      }
    });
  }

  /** The last group of the range, in its order. */
  get #last(): number {
    const { start, end } = this.#request.range;
    return this.descending ? start.group : end.group;
  }

  #firstObject(group: number): number {
    const { start } = this.#request.range;
    return group === start.group ? start.object : 0;
  }

  #lastObject(group: number): number {
    const { end } = this.#request.range;
    return group === end.group ? end.object : LAST_OBJECT;
  }

  #isPast(group: number): boolean {
    return this.#isBefore(this.#last, group);
  }

  #isBefore(a: number, b: number): boolean {
    return this.descending ? a > b : a < b;
  }

  #after(group: number): number {
    return this.descending ? group - 1 : group + 1;
  }

  #before(group: number): number {
    return this.descending ? group + 1 : group - 1;
  }
}
