import type { Reason } from "../reason.ts";
import type { Channel, OutStream } from "./contract.ts";
import type { FrameLog } from "./frame-log.ts";
import type { GroupHost } from "./group-host.ts";
import { arriving, copied, HeldBytes, type HeldObject, type HeldQueue } from "./held-objects.ts";
import { PartialStreams, type StreamStart } from "./partial-streams.ts";
import { fanOf, type Readers } from "./readers.ts";
import { type Run, writeJoined } from "./replay.ts";
import type { Subgroup } from "./subgroup.ts";

type Host = Pick<GroupHost<unknown>, "cache" | "clock" | "counters" | "sent">;

/** One of the subgroups. */
type Source = Omit<Subgroup<never>, "group">;

interface Part {
  readonly subgroup: Source;
  /** The index of its first object that is not in the order yet. */
  next: number;
  /** Once objects are not kept: the id of the last one that was taken, and those that are not in the order yet. */
  judged: number;
  readonly held: HeldQueue;
}

/** More than the objects of a subgroup. */
const SPAN = 2 ** 32;

/**
 * The subgroups of a group as one run, in the order of object ids, for dialects that take whole groups. Made when a group that has such readers
 * gets its second subgroup. It keeps the order alone, and no bytes.
 *
 * - The object that follows the last one is passed on as it arrives.
 * - An object with a higher id waits while an open subgroup may still bring a lower one.
 * - An object below one that was passed on comes too late: readers do not get it.
 * - Once objects are not kept, a bounded number of bytes waits ({@link HeldBytes}). At the bound objects wait no longer for lower ones; where they
 *   wait for one that is arriving the readers are reset.
 */
export class Merge implements Run {
  readonly #host: Host;
  readonly #parts: Part[] = [];
  /** What was passed on, in order: the number of its part times {@link SPAN}, plus its index there. */
  #order: number[] = [];
  #readers: Readers[];
  readonly #partial = new PartialStreams();
  #lastId = -1;
  /** Of the last object that was passed on. */
  #lastTimestamp = 0;
  /** It brings the last object of the order, which is still arriving. */
  #current: Source | undefined;
  /** When an object began to wait for lower ones. */
  #waitsSince: number | undefined;
  #waits = true;
  #heldBytes: HeldBytes | undefined;
  #keeps = true;
  #broken: Reason | undefined;
  #over = false;

  /** `read`: readers of whole groups have the objects of `first` so far, or are about to get them. They are taken over. */
  constructor(first: Source, read: boolean, host: Host) {
    this.#host = host;
    this.#readers = first.takeMerged(this.#partial);
    const { log } = first;
    // The header of an object without a byte has not been written.
    const sent = read ? log.length - (first.inFrame && log.received === 0 ? 1 : 0) : 0;
    for (let index = 0; index < sent; index++) this.#settle(log, index, index);
    if (read && first.inFrame && log.received > 0) this.#current = first;
    if (read && log.length === 0 && log.id >= 0) {
      const isUnwritten = first.inFrame && log.received === 0;
      const { id, idBefore, timestamp, timestampBefore } = log;
      [this.#lastId, this.#lastTimestamp] = isUnwritten ? [idBefore, timestampBefore] : [id, timestamp];
    }
    this.#parts.push({ subgroup: first, next: Math.max(0, sent), judged: -1, held: [] });
    first.merge = this;
  }

  get run(): Run {
    return this;
  }

  get length(): number {
    return this.#order.length;
  }

  get broken(): Reason | undefined {
    return this.#broken;
  }

  /** A further subgroup begins, or has begun. {@link pump} follows. */
  add(subgroup: Source): void {
    subgroup.merge = this;
    this.#parts.push({ subgroup, next: 0, judged: -1, held: [] });
  }

  /** Passes on what need not wait any longer. */
  pump(): void {
    if (!this.#keeps) {
      this.#pumpHeld();
      return;
    }
    while (this.#current === undefined && !this.#over && this.#broken === undefined) {
      const next = this.#next();
      if (next === undefined) return;
      this.#pass(next);
    }
  }

  #pumpHeld(): void {
    if (this.#broken !== undefined) return;
    this.#take();
    this.#passAllHeld();
    this.#chargeHeld();
    if (!this.#waits) this.#passAllHeld();
  }

  #passAllHeld(): void {
    while (this.#current === undefined && !this.#over && this.#broken === undefined) {
      const next = this.#nextHeld();
      if (next === undefined) return;
      this.#passHeld(next);
    }
  }

  /** Bytes of an object have arrived in `subgroup`. */
  appended(subgroup: object): void {
    const current = this.#current;
    if (current !== subgroup) {
      if (!this.#keeps && this.#broken === undefined) this.#hold(subgroup);
      return;
    }
    for (const { fan } of this.#readers) {
      if (fan.size === 0) continue;
      const bytes = current.log.appended();
      this.#host.counters.bytesOut += bytes.length * fan.size;
      fan.write(bytes);
    }
  }

  /** An object of `subgroup` is whole. */
  ended(subgroup: object): void {
    if (this.#current === subgroup) {
      this.#current = undefined;
      this.#countSent();
    } else if (this.#keeps) return;
    else {
      const object = this.#parts.find((one) => one.subgroup === subgroup)?.held.at(-1);
      if (object !== undefined) object.whole = true;
    }
    this.pump();
  }

  /** Objects that have waited for lower ones since before `before` wait no longer. */
  waitNoLonger(before: number): void {
    if (this.#waitsSince === undefined || this.#waitsSince >= before) return;
    this.#waits = false;
    this.pump();
  }

  /** No more objects come. */
  finish(): void {
    if (this.#broken !== undefined) return;
    this.pump();
    this.#over = true;
    for (const { fan } of this.#readers) {
      this.#host.sent(this.#payloadBytes() * fan.size);
      fan.finish();
    }
    this.#readers = [];
  }

  reset(reason: Reason): void {
    this.#break(reason, reason === "evicted" ? "evicted" : "upstream");
  }

  /** Its objects are no longer kept, from now on or before. Readers go on, unless more waits than may. */
  evicted(): void {
    this.#order = [];
    this.#keeps = false;
    if (this.#broken !== undefined) return;
    for (const part of this.#parts) {
      const { log, inFrame } = part.subgroup;
      for (; part.next < log.length; part.next++) {
        const object = copied(log, part.next, !inFrame || part.next < log.length - 1);
        if (object === undefined || object.id <= this.#lastId) continue;
        part.held.push(object);
        if (this.#bytes().take(object)) continue;
        this.#break("evicted", "evicted");
        return;
      }
      // One that was not kept before the merge began has not been written without a byte.
      const isUnwritten = log.length === 0 && log.id >= 0 && inFrame && log.received === 0;
      if (isUnwritten && this.#current !== part.subgroup) part.held.push(arriving(log));
      part.judged = log.id;
    }
  }

  indexOf(id: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const [{ log }, index] = this.#at(middle);
      if (log.idAt(index) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  replay(channel: Channel, stream: OutStream, from: number, to: number, fresh: boolean): void {
    const { counters } = this.#host;
    const pieces: Uint8Array[] = [];
    let before = fresh ? 0 : this.#timestampBefore(from);
    for (let place = from; place < to; place++) {
      const [{ log }, index] = this.#at(place);
      if (log.statusAt(index) !== undefined) continue;
      if (channel.copies !== true) log.lend();
      counters.bytesOut += log.encodedAfter(channel.dialect, index, before, pieces);
      before = log.timestampAt(index);
    }
    counters.framesOut += to - from - (this.#current !== undefined && to === this.length ? 1 : 0);
    writeJoined(stream, pieces);
  }

  join(channel: Channel, stream: OutStream, last: number | undefined): void {
    if (this.#broken !== undefined) {
      stream.reset(channel.dialect.resetCode(this.#broken));
      return;
    }
    if (this.#over) {
      this.#host.sent(this.#payloadBytes());
      stream.finish();
      return;
    }
    if (channel.copies !== true) for (const { subgroup } of this.#parts) subgroup.log.lend();
    fanOf(this.#readers, channel).add(stream);
    if (last !== undefined) this.#partial.endAfter(last, true, stream);
  }

  lost(): void {
    this.#host.counters.groupsDropped[this.#keeps ? "upstream" : "evicted"]++;
  }

  /** Begins once an object with the id `id` or a higher one has been passed on, now if it has. */
  startAt(id: number, start: StreamStart): void {
    if (this.indexOf(id) < this.length) start.begin();
    else if (!this.#over && this.#broken === undefined) this.#partial.startAt(id, true, start);
  }

  /** The part with the next object. Nothing where there is none, or where it has to wait. */
  #next(): Part | undefined {
    let next: Part | undefined;
    let id = Number.POSITIVE_INFINITY;
    let mayComeLower = false;
    for (const part of this.#parts) {
      const { log, open } = part.subgroup;
      while (part.next < log.length && log.idAt(part.next) <= this.#lastId) {
        part.next++;
        this.#host.counters.objectsLate++;
      }
      if (part.next >= log.length) mayComeLower ||= open;
      else if (log.idAt(part.next) < id) {
        next = part;
        id = log.idAt(part.next);
      }
    }
    return this.#mayPass(next !== undefined && mayComeLower, id) ? next : undefined;
  }

  /** Whether the object `id`, the lowest that is there, waits no longer. `mayComeLower`: an open subgroup may bring a lower one. */
  #mayPass(mayComeLower: boolean, id: number): boolean {
    if (mayComeLower && this.#waits && id > this.#lastId + 1) {
      this.#waitsSince ??= this.#host.clock.now();
      return false;
    }
    this.#waitsSince = undefined;
    return true;
  }

  #pass(part: Part): void {
    const { subgroup } = part;
    const { log } = subgroup;
    const index = part.next++;
    const id = log.idAt(index);
    const before = this.#lastTimestamp;
    if (log.statusAt(index) === undefined) this.#partial.begins(id);
    this.#settle(log, index, this.#parts.indexOf(part) * SPAN + index);
    if (log.statusAt(index) !== undefined) return;
    for (const { channel, fan } of this.#readers) {
      if (fan.size === 0) continue;
      const pieces: Uint8Array[] = [];
      this.#host.counters.bytesOut += log.encodedAfter(channel.dialect, index, before, pieces) * fan.size;
      for (const piece of pieces) fan.write(piece);
    }
    if (subgroup.inFrame && index === log.length - 1) this.#current = subgroup;
    else this.#countSent();
    this.#partial.arrived(id);
  }

  /** Once objects are not kept: takes those that have begun. */
  #take(): void {
    for (const part of this.#parts) {
      const { log, inFrame } = part.subgroup;
      if (inFrame && log.id > part.judged) part.held.push(arriving(log));
      part.judged = log.id;
    }
  }

  /** Likewise the part with the next object. Nothing where there is none, or where it has to wait. */
  #nextHeld(): Part | undefined {
    let next: Part | undefined;
    let id = Number.POSITIVE_INFINITY;
    let mayComeLower = false;
    for (const part of this.#parts) {
      const { held } = part;
      for (let first = held[0]; first !== undefined && first.id <= this.#lastId; first = held[0]) {
        this.#releaseFirst(held);
        this.#host.counters.objectsLate++;
      }
      const first = held[0];
      if (first === undefined) mayComeLower ||= part.subgroup.open;
      else if (first.id < id) {
        next = part;
        id = first.id;
      }
    }
    return this.#mayPass(next !== undefined && mayComeLower, id) ? next : undefined;
  }

  #passHeld({ subgroup, held }: Part): void {
    const object = this.#releaseFirst(held);
    if (object === undefined) return;
    const { id, size, timestamp, pieces, whole } = object;
    const delta = timestamp - this.#lastTimestamp;
    this.#partial.begins(id);
    for (const { channel, fan } of this.#readers) {
      if (fan.size === 0) continue;
      fan.write(channel.dialect.objectHeader(size, delta, 0, undefined, undefined, timestamp).slice());
      for (const piece of pieces) {
        this.#host.counters.bytesOut += piece.length * fan.size;
        fan.write(piece);
      }
    }
    this.#lastId = id;
    this.#lastTimestamp = timestamp;
    if (whole) this.#countSent();
    else this.#current = subgroup;
    this.#partial.arrived(id);
  }

  /** Bytes of an object that waits have arrived in `subgroup`. */
  #hold(subgroup: object): void {
    const part = this.#parts.find((one) => one.subgroup === subgroup);
    const object = part?.held.at(-1);
    // Without an object they are of one that came too late.
    if (part === undefined || object === undefined || object.whole) return;
    const bytes = part.subgroup.log.appended();
    object.pieces.push(bytes);
    if (this.#bytes().hold(object, bytes.length)) return;
    if (this.#current !== undefined) {
      this.#break("evicted", "evicted");
      return;
    }
    // There is no room to wait for lower ones.
    this.#waits = false;
    this.pump();
  }

  /** Objects that have begun and wait. */
  #chargeHeld(): void {
    for (const { held } of this.#parts) {
      const object = held.at(-1);
      if (object === undefined || object.charged > 0 || this.#bytes().hold(object, 0)) continue;
      if (this.#current !== undefined) this.#break("evicted", "evicted");
      this.#waits = false;
    }
  }

  #releaseFirst(held: HeldQueue): HeldObject | undefined {
    const object = held.shift();
    if (object !== undefined && object.charged > 0) this.#bytes().release(object);
    return object;
  }

  #bytes(): HeldBytes {
    this.#heldBytes ??= new HeldBytes(this.#host.cache);
    return this.#heldBytes;
  }

  /**
   * The object at `index` is the next one in the order, as `entry`. A status is not written. An object that does not exist has a place all the same,
   * as in its subgroup; an end has none, because objects below it may still come.
   */
  #settle(log: FrameLog, index: number, entry: number): void {
    const status = log.statusAt(index);
    if (status === undefined || status === "does_not_exist") {
      this.#lastId = log.idAt(index);
      this.#order.push(entry);
    }
    if (status === undefined) this.#lastTimestamp = log.timestampAt(index);
  }

  /** Of the last object before `end` that is written; 0 without one. */
  #timestampBefore(end: number): number {
    for (let place = end - 1; place >= 0; place--) {
      const [{ log }, index] = this.#at(place);
      if (log.statusAt(index) === undefined) return log.timestampAt(index);
    }
    return 0;
  }

  #at(place: number): [Source, number] {
    const entry = this.#order[place] ?? 0;
    const part = this.#parts[Math.floor(entry / SPAN)] ?? this.#parts[0];
    if (part === undefined) throw new Error("a merge without subgroups");
    return [part.subgroup, entry % SPAN];
  }

  #countSent(): void {
    for (const { fan } of this.#readers) this.#host.counters.framesOut += fan.size;
  }

  #payloadBytes(): number {
    return this.#parts.reduce((sum, { subgroup }) => sum + subgroup.payloadBytes, 0);
  }

  #break(reason: Reason, drop: "upstream" | "evicted"): void {
    if (this.#broken !== undefined) return;
    this.#broken = reason;
    this.#current = undefined;
    for (const { held } of this.#parts) while (held.length > 0) this.#releaseFirst(held);
    for (const { channel, fan } of this.#readers) {
      this.#host.counters.groupsDropped[drop] += fan.size;
      fan.reset(channel.dialect.resetCode(reason));
    }
    this.#readers = [];
  }
}
