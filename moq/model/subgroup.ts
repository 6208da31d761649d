import type { Reason } from "../reason.ts";
import type { Channel, Inflow, Later, ObjectStatus, OutStream, SubgroupStart, SubgroupWriter } from "./contract.ts";
import { FRAME_OVERHEAD, FrameLog, MAX_PROPERTIES } from "./frame-log.ts";
import type { GroupHost, Merging, SubgroupOwner } from "./group-host.ts";
import { isWhole } from "./locations.ts";
import { type ObjectReader, PartialStreams, type StreamStart } from "./partial-streams.ts";
import { Passing } from "./passing.ts";
import { writable } from "./publisher-numbering.ts";
import { fanOf, type Readers, writeNewest } from "./readers.ts";
import { attach, type Part, type Run, writeJoined } from "./replay.ts";

/**
 * An append-only run of objects on one stream, and the unit of fan-out: every reader gets the same bytes, and a late one gets the objects so
 * far first. moq-lite has one subgroup in a group; moq-transport may have several. While a group has one, dialects that take whole groups
 * read it directly.
 */
export class Subgroup<G extends SubgroupOwner> implements SubgroupWriter, Run {
  /** In the numbering that subscribers see. */
  readonly start: SubgroupStart;
  readonly group: G;
  /** The id of the last whole object that came on an earlier stream, which was reset; -1 without one. */
  readonly after: number;
  payloadBytes = 0;
  /** Set while the group's subgroups are merged for some reader. */
  merge: Merging | undefined;
  readonly #host: GroupHost<G>;
  readonly #log: FrameLog;
  /** Those that read it now: a fan-out for each channel. */
  #readers: Readers[] = [];
  #partial: PartialStreams | undefined;
  #passing: Passing | undefined;
  /** Known with its first object. */
  #rescales: boolean | undefined;
  /** An object is arriving. */
  #inFrame = false;
  #state: "open" | "finished" | "reset" = "open";
  #reason: Reason = "closed";
  #onStop: ((reason: Reason) => void) | undefined;
  /** When its last object began; before the first object, when the subgroup began. */
  #activeAt: number;
  #endedAt: number | undefined;
  /** Once it was reset: the id of its last whole object. */
  #reached = Number.POSITIVE_INFINITY;

  /** `at`: when it begins. `after`: see {@link after}. */
  constructor(start: SubgroupStart, group: G, host: GroupHost<G>, at: number, after = -1) {
    this.start = after < 0 ? start : { ...start, firstObject: false };
    this.after = after;
    this.group = group;
    this.#host = host;
    this.#log = new FrameLog(host.cache.segments);
    this.#activeAt = at;
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get broken(): Reason | undefined {
    return this.#state === "reset" ? this.#reason : undefined;
  }

  /** Another stream may bring its objects after this id: infinite unless it was reset. */
  get reached(): number {
    return this.#reached;
  }

  /** When its last byte came; absent until then, and where it was reset. */
  get endedAt(): number | undefined {
    return this.#endedAt;
  }

  /** When its last object began; before the first object, when it began. Infinite while an object is arriving. */
  get activeAt(): number {
    return this.#inFrame ? Number.POSITIVE_INFINITY : this.#activeAt;
  }

  /** What is kept of it. */
  get log(): FrameLog {
    return this.#log;
  }

  /** The id of its first object; 0 without one. */
  get firstId(): number {
    return this.#log.firstId;
  }

  /** The id of its last object, also of one that is arriving; -1 without one. */
  get lastId(): number {
    return this.#log.id;
  }

  /** Timestamp of its last object; 0 without one. */
  get lastTimestamp(): number {
    return this.#log.timestamp;
  }

  /** An object is arriving. */
  get inFrame(): boolean {
    return this.#inFrame;
  }

  get run(): Run {
    return this;
  }

  get length(): number {
    return this.#log.length;
  }

  object(size: number, timestamp: number | undefined, id = this.#log.id + 1, properties?: Uint8Array): void {
    if (this.#state !== "open") return;
    const { limits, counters } = this.#host;
    if (size > limits.frameBytes || (properties !== undefined && properties.length > MAX_PROPERTIES)) {
      counters.boundsHit.frame_bytes++;
      this.stop("frame_too_large");
      return;
    }
    // It was sent before.
    if (id <= this.#log.id) {
      this.#inFrame = false;
      return;
    }
    const { group } = this;
    if (group.payloadBytes + size > limits.groupBytes) group.passThrough("group_bytes");
    else if (group.objects >= limits.framesPerGroup) group.passThrough("frames_per_group");
    const at = timestamp === undefined ? this.#host.stamp() : this.#rescaled(timestamp);
    // Capped where the step is too large for peers to read.
    const stamp = this.#log.timestamp + writable(at - this.#log.timestamp);
    this.#inFrame = true;
    this.#activeAt = this.#host.clock.now();
    group.objects++;
    group.keep(properties === undefined ? FRAME_OVERHEAD : FRAME_OVERHEAD + 2 * properties.length);
    this.#log.begin(size, stamp, id, properties, undefined);
    if (this.#partial !== undefined) this.#partial.begins(id);
    if (group.firstTimestamp === undefined) {
      group.firstTimestamp = at;
      this.#host.begun(group);
    }
    if (this.merge !== undefined) this.merge.pump();
  }

  payload(bytes: Uint8Array): void {
    if (this.#state !== "open" || !this.#inFrame || bytes.length === 0) return;
    const { length } = bytes;
    const { counters } = this.#host;
    this.payloadBytes += length;
    counters.bytesIn += length;
    this.group.keep(length);
    for (let at = 0; at < length; ) {
      at = this.#log.append(bytes, at);
      for (const one of this.#readers) if ((one.fan.written ?? one.fan.size) > 0) writeNewest(this.#log, one);
      if (this.merge !== undefined) this.merge.appended(this);
      if (this.#partial !== undefined) this.#partial.appended();
    }
    for (const { fan } of this.#readers) {
      const { size, written = size } = fan;
      counters.bytesOut += length * size;
      counters.bytesPassed += length * (size - written);
    }
    if (this.#partial !== undefined) this.#arrived();
  }

  end(): void {
    if (this.#state !== "open" || !this.#inFrame) return;
    this.#inFrame = false;
    const { counters } = this.#host;
    counters.framesIn++;
    const empty = this.#log.size === 0;
    for (const { channel, fan } of this.#readers) {
      if (fan.size === 0) continue;
      if (empty) fan.write(this.#log.header(channel.dialect));
      counters.framesOut += fan.size;
    }
    if (this.#partial !== undefined) {
      this.#partial.ended();
      this.#arrived();
    }
    if (this.merge !== undefined) this.merge.ended(this);
    if (this.group.watched) this.group.changed();
  }

  status(status: ObjectStatus, id: number, properties?: Uint8Array): void {
    if (this.#state !== "open" || this.#inFrame || id <= this.#log.id) return;
    if (properties !== undefined && properties.length > MAX_PROPERTIES) {
      this.#host.counters.boundsHit.frame_bytes++;
      this.stop("frame_too_large");
      return;
    }
    const log = this.#log;
    this.#activeAt = this.#host.clock.now();
    this.group.keep(FRAME_OVERHEAD + 2 * (properties?.length ?? 0));
    log.begin(0, log.timestamp, id, properties, status);
    if (this.#partial !== undefined) this.#partial.begins(id, status);
    for (const { channel, fan } of this.#readers) {
      if (fan.size > 0 && channel.dialect.subgroups) fan.write(log.header(channel.dialect, status));
    }
    if (this.#partial !== undefined) this.#arrived();
    if (status === "does_not_exist") this.group.objects++;
    else this.group.endsAt(id);
    if (status === "end_of_track") this.group.endsTrack = true;
    if (this.merge !== undefined) this.merge.pump();
    if (this.group.watched) this.group.changed();
  }

  follows(from: Inflow): void {
    const may = this.#mayPass;
    if (this.#readers.length === 0 || (this.#passing === undefined && !may)) return;
    this.#passing ??= new Passing();
    this.#passing.follows(from, this.#readers, may, this.#isAwaited);
  }

  marked(from: Inflow): boolean {
    this.#passing ??= new Passing();
    return this.#passing.marked(from, this.#readers, this.#mayPass, this.#isAwaited);
  }

  unpassed(): void {
    if (this.#passing === undefined) return;
    this.#passing.ended(this.#readers);
    this.group.unpassed();
  }

  /** The engine shall write to its readers no longer; {@link unpassed} follows. */
  unpass(): void {
    this.#passing?.end();
  }

  /** The engine writes to some of its readers. */
  get passes(): boolean {
    return this.#passing?.on === true;
  }

  /** Whether what comes goes to its readers as it comes, and they have all that came before. */
  get #mayPass(): boolean {
    return (
      this.#state === "open" &&
      this.merge === undefined &&
      this.#partial === undefined &&
      this.#rescales !== true &&
      this.after < 0 &&
      isWhole(this.start) &&
      this.#log.id >= 0 &&
      this.#log.properties === undefined &&
      (!this.#inFrame || this.#log.received > 0)
    );
  }

  /** A filter, a fetch or a merge needs each object at once. */
  get #isAwaited(): boolean {
    return this.#partial !== undefined || this.merge !== undefined || this.group.watched;
  }

  finish(): void {
    if (this.#state !== "open") return;
    if (this.#inFrame) {
      this.reset("protocol");
      return;
    }
    this.unpassed();
    this.#state = "finished";
    this.#endedAt = this.#host.clock.now();
    if (this.start.endsGroup) this.group.endsAt(this.#log.id + 1);
    this.#finishReaders(true);
    this.#closePartial(undefined);
    this.#log.end();
    this.#close();
  }

  reset(reason: Reason): void {
    if (this.#state !== "open") return;
    this.unpassed();
    this.#state = "reset";
    this.#reason = reason;
    this.#reached = Math.max(this.after, this.#inFrame ? this.#log.id - 1 : this.#log.id);
    this.#inFrame = false;
    const drop = reason === "frame_too_large" ? "refused" : "upstream";
    for (const { channel, fan } of this.#readers) {
      this.#host.sent(this.payloadBytes * fan.size);
      this.#host.counters.groupsDropped[drop] += fan.size;
      fan.reset(channel.dialect.resetCode(reason));
    }
    this.#readers = [];
    this.#closePartial(reason);
    this.#log.forget();
    this.#close();
  }

  /**
   * Ends it when no object came since `before`. Some publishers never send a FIN, and a FIN can be lost: without this, such a group
   * would hold a stream of every viewer for ever.
   */
  abandon(before: number): void {
    if (this.#state !== "open" || this.#activeAt >= before) return;
    const tell = this.#onStop;
    if (this.#inFrame) this.reset("timeout");
    else this.finish();
    tell?.("cancelled");
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#onStop = callback;
  }

  /** The relay wants no more of it: the publisher gets STOP_SENDING, and the readers are reset. */
  stop(reason: Reason): void {
    if (this.#state !== "open") return;
    const tell = this.#onStop;
    this.reset(reason);
    tell?.(reason);
  }

  indexOf(id: number): number {
    return this.#log.indexOf(id);
  }

  replay(channel: Channel, stream: OutStream, from: number, to: number, fresh: boolean): void {
    const { counters } = this.#host;
    const log = this.#log;
    if (channel.copies !== true) log.lend();
    // An object that is arriving and has no byte yet is written to all readers together, with its header, once it has one.
    const arriving = this.#inFrame && to === log.length ? 1 : 0;
    const begun = arriving === 1 && log.received > 0;
    const pieces: Uint8Array[] = [];
    counters.bytesOut += log.encoded(channel.dialect, from, begun ? to : to - arriving, pieces, fresh);
    counters.framesOut += to - from - arriving;
    writeJoined(stream, pieces);
  }

  join(channel: Channel, stream: OutStream, last: number | undefined): void {
    const { dialect } = channel;
    if (this.#state === "reset") {
      stream.reset(dialect.resetCode(this.#reason));
      return;
    }
    if (this.#state === "finished" && (dialect.subgroups || !this.group.open)) {
      this.#host.sent(this.payloadBytes);
      stream.finish();
      return;
    }
    if (channel.copies !== true) this.#log.lend();
    fanOf(this.#readers, channel).add(stream);
    this.#passing?.hurry();
    if (last !== undefined) this.#partials().endAfter(last, !dialect.subgroups, stream);
  }

  /** `reader` has seen all objects so far, and gets those that come. */
  follow(reader: ObjectReader): void {
    if (this.#state === "open") {
      this.#partials().follow(reader);
      this.#passing?.hurry();
      return;
    }
    this.#host.sent(reader.payloadBytes);
    reader.closed(this.broken);
  }

  lost(): void {
    this.#host.counters.groupsDropped[this.#state === "reset" ? "upstream" : "evicted"]++;
  }

  attach(channel: Channel, stream: OutStream, later?: Later, part?: Part): void {
    attach(this, channel, stream, later, part);
  }

  /** `merged`: for a dialect that takes whole groups. */
  startAt(id: number, start: StreamStart, merged = false): void {
    const at = this.#log.indexOf(id);
    const lacksBytes = this.#inFrame && at === this.length - 1 && this.#log.received === 0;
    const has = at < this.length && !lacksBytes;
    if (has) start.begin();
    else if (this.#state === "open") {
      this.#partials().startAt(id, merged, start);
      this.#passing?.hurry();
    }
  }

  /** Gives the readers of dialects that take whole groups to `partial` and the returned list. */
  takeMerged(partial: PartialStreams): Readers[] {
    const merged = this.#readers.filter(({ channel }) => !channel.dialect.subgroups);
    this.#readers = this.#readers.filter(({ channel }) => channel.dialect.subgroups);
    this.#partial?.moveMerged(partial);
    return merged;
  }

  /** The group is over: those that take whole groups have all of it. */
  groupOver(): void {
    this.#finishReaders(false);
  }

  /** Drops all objects, the current one as well. Attached readers get the objects that come. */
  forget(): void {
    this.#log.forget();
  }

  #rescaled(timestamp: number): number {
    this.#rescales ??= this.#host.rescales();
    return this.#rescales ? this.#host.rescale(timestamp) : timestamp;
  }

  #partials(): PartialStreams {
    this.#partial ??= new PartialStreams();
    return this.#partial;
  }

  #closePartial(reason: Reason | undefined): void {
    if (this.#partial !== undefined) this.#host.sent(this.#partial.closed(reason));
  }

  #arrived(): void {
    this.#partial?.arrived(this.#log.id);
    if (this.#partial?.empty) this.#partial = undefined;
  }

  /** Those that are attached now got all of its payload. `subgroups`: those of dialects that take subgroups; else the others. */
  #finishReaders(subgroups: boolean): void {
    let finished = 0;
    for (const { channel, fan } of this.#readers) {
      if (channel.dialect.subgroups !== subgroups) continue;
      finished++;
      this.#host.sent(this.payloadBytes * fan.size);
      fan.finish();
    }
    if (finished === 0) return;
    this.#readers =
      finished === this.#readers.length
        ? []
        : this.#readers.filter(({ channel }) => channel.dialect.subgroups !== subgroups);
  }

  #close(): void {
    this.#onStop = undefined;
    this.#partial = undefined;
    this.#passing = undefined;
    this.group.subgroupDone(this);
  }
}
