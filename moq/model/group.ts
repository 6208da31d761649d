import type { Clock } from "../clock.ts";
import type { BoundName, Counters } from "../counters.ts";
import type { Reason } from "../reason.ts";
import type { CacheShare, Evictable } from "./cache.ts";
import type { Channel, Later, OutFan, OutStream, SubgroupWriter } from "./contract.ts";
import { FRAME_OVERHEAD, FrameLog } from "./frame-log.ts";
import type { ModelLimits } from "./limits.ts";
import { writable } from "./publisher-numbering.ts";

/** What a group needs from its track and the process. */
export interface GroupHost {
  /** Where the bytes of its groups are charged. */
  readonly cache: CacheShare;
  readonly counters: Counters;
  readonly limits: ModelLimits;
  readonly clock: Pick<Clock, "now">;
  /** Timestamp for a frame of a version without timestamps, in the track's timescale. */
  stamp(): number;
  /** Viewers wait for the track's properties, so none is attached yet. */
  awaited(): boolean;
  /** Whether the publisher's timescale is another one than the track's: asked once for each subgroup. */
  rescales(): boolean;
  /** Turns a publisher's timestamp into the track's timescale. */
  rescale(timestamp: number): number;
  /** The first frame of `group` has begun. */
  begun(group: Group): void;
  /** So many bytes of payload were sent to readers. Called when a group ends, not for each frame. */
  sent(bytes: number): void;
  /** `group` gets no more frames. */
  done(group: Group): void;
  /** `group` is kept no longer. */
  forgotten(group: Group): void;
}

/**
 * A group of at most so many bytes is small: a catalog, a second of sound, the first bytes of a video group. Large groups make room for
 * small ones. While viewers wait for the track's properties, a small group is kept even over the budget: no viewer is attached yet, so
 * without it they would get no group at all.
 */
const SMALL_BYTES = 64 * 1024;

/** Frames that a late joiner is sent in one turn. The rest of a longer group follows in later turns. */
const REPLAY_FRAMES = 256;

/** The readers of one channel. */
interface Readers {
  readonly channel: Channel;
  readonly fan: OutFan;
}

/** Small pieces are joined up to this many bytes before they are written to a late joiner. */
const JOIN_BYTES = 64 * 1024;

/**
 * An append-only run of frames on one stream, and the unit of fan-out: every reader gets the same bytes, and a late one gets the
 * frames so far first. moq-lite has one subgroup in a group; moq-transport may have several.
 */
export class Subgroup implements SubgroupWriter {
  readonly #group: Group;
  readonly #host: GroupHost;
  readonly #log: FrameLog;
  /** Those that read it now: a fan-out for each channel. */
  #readers: Readers[] = [];
  /** Known with its first frame. */
  #rescales: boolean | undefined;
  /** A frame is arriving. */
  #inFrame = false;
  #count = 0;
  /** The sum of the deltas so far: the last frame's timestamp, unless a step was capped because peers could not read it. */
  #previous = 0;
  #state: "open" | "finished" | "reset" = "open";
  #reason: Reason = "closed";
  #onStop: ((reason: Reason) => void) | undefined;
  #onOver: (() => void)[] | undefined;
  /** When its last frame began; before the first frame, when the group began. */
  #activeAt: number;
  #endedAt: number | undefined;

  constructor(group: Group, host: GroupHost) {
    this.#group = group;
    this.#host = host;
    this.#log = new FrameLog(host.cache.segments);
    this.#activeAt = group.arrivedAt;
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get whole(): boolean {
    return this.#state === "finished";
  }

  /** When its last byte came; absent until it is whole. */
  get endedAt(): number | undefined {
    return this.#endedAt;
  }

  /** When its last frame began; before the first frame, when the group began. Infinite while a frame is arriving. */
  get activeAt(): number {
    return this.#inFrame ? Number.POSITIVE_INFINITY : this.#activeAt;
  }

  object(size: number, timestamp: number | undefined): void {
    if (this.#state !== "open") return;
    const { limits, counters } = this.#host;
    if (size > limits.frameBytes) {
      counters.boundsHit.frame_bytes++;
      this.stop("frame_too_large");
      return;
    }
    if (this.#group.payloadBytes + size > limits.groupBytes) this.#group.passOn("group_bytes");
    else if (this.#count >= limits.framesPerGroup) this.#group.passOn("frames_per_group");
    const at = timestamp === undefined ? this.#host.stamp() : this.#rescaled(timestamp);
    const delta = writable(at - this.#previous);
    this.#previous += delta;
    this.#inFrame = true;
    this.#activeAt = this.#host.clock.now();
    this.#count++;
    this.#group.keep(FRAME_OVERHEAD);
    this.#log.begin(size, delta);
    if (this.#group.firstTimestamp === undefined) {
      this.#group.firstTimestamp = at;
      this.#host.begun(this.#group);
    }
  }

  #rescaled(timestamp: number): number {
    this.#rescales ??= this.#host.rescales();
    return this.#rescales ? this.#host.rescale(timestamp) : timestamp;
  }

  payload(bytes: Uint8Array): void {
    if (this.#state !== "open" || !this.#inFrame || bytes.length === 0) return;
    const { length } = bytes;
    const { counters } = this.#host;
    this.#group.payloadBytes += length;
    counters.bytesIn += length;
    this.#group.keep(length);
    for (let at = 0; at < length; ) {
      at = this.#log.append(bytes, at);
      for (const { channel, fan } of this.#readers) if (fan.size > 0) this.#pass(channel, fan);
    }
    for (const { fan } of this.#readers) counters.bytesOut += length * fan.size;
  }

  /** Writes the newest bytes to one fan-out. */
  #pass({ dialect }: Channel, fan: OutFan): void {
    const log = this.#log;
    const headed = log.begins ? log.headed(dialect) : undefined;
    if (log.begins && headed === undefined)
      fan.write(dialect.objectHeader(log.size, log.delta, 0, undefined, undefined, 0).slice());
    fan.write(headed ?? log.appended());
  }

  /** Dialects of today write no status: the subgroup ends with its stream. */
  status(): void {}

  end(): void {
    if (this.#state !== "open" || !this.#inFrame) return;
    this.#inFrame = false;
    this.#host.counters.framesIn++;
    const { size, delta } = this.#log;
    for (const { channel, fan } of this.#readers) {
      if (fan.size === 0) continue;
      if (size === 0) fan.write(channel.dialect.objectHeader(0, delta, 0, undefined, undefined, 0).slice());
      this.#host.counters.framesOut += fan.size;
    }
  }

  finish(): void {
    if (this.#state !== "open") return;
    if (this.#inFrame) {
      this.reset("protocol");
      return;
    }
    this.#state = "finished";
    this.#endedAt = this.#host.clock.now();
    this.#countSent();
    for (const { fan } of this.#readers) fan.finish();
    this.#log.end();
    this.#close();
  }

  reset(reason: Reason): void {
    if (this.#state !== "open") return;
    this.#state = "reset";
    this.#reason = reason;
    this.#countSent();
    const drop = reason === "frame_too_large" ? "refused" : "upstream";
    for (const { channel, fan } of this.#readers) {
      this.#host.counters.groupsDropped[drop] += fan.size;
      fan.reset(channel.dialect.resetCode(reason));
    }
    this.#close();
  }

  /**
   * Ends it when no frame came since `before`. Some publishers never send a FIN, and a FIN can be lost: without this, such a group
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

  /**
   * `stream` gets all frames from the first on, and then those that come. Of a long group it gets the first {@link REPLAY_FRAMES} now,
   * and the rest in a job for `later`. Without `later` it gets all of them now.
   */
  attach(channel: Channel, stream: OutStream, later?: Later): void {
    if (channel.copies !== true) this.#log.lend();
    let at = 0;
    const step = () => {
      if (at > 0 && (stream.ended || this.#log.length < at)) {
        // The group was reset or evicted meanwhile.
        const cut = this.#state === "reset";
        if (!stream.ended) this.#host.counters.groupsDropped[cut ? "upstream" : "evicted"]++;
        stream.reset(channel.dialect.resetCode(cut ? this.#reason : "evicted"));
        return true;
      }
      at = this.#replay(channel, stream, at, later === undefined ? Number.POSITIVE_INFINITY : REPLAY_FRAMES);
      if (at < this.#log.length) return false;
      this.#join(channel, stream);
      return true;
    };
    if (!step()) later?.(step);
  }

  /** `stream` has all frames so far. */
  #join(channel: Channel, stream: OutStream): void {
    const { dialect } = channel;
    if (this.#state === "finished") {
      this.#host.sent(this.#group.payloadBytes);
      stream.finish();
      return;
    }
    if (this.#state === "reset") {
      stream.reset(dialect.resetCode(this.#reason));
      return;
    }
    let readers = this.#readers.find((one) => one.channel === channel);
    if (readers === undefined) {
      readers = { channel, fan: channel.fanOut() };
      this.#readers.push(readers);
    }
    readers.fan.add(stream);
  }

  /** Calls `callback` once no more frames come, possibly now. */
  whenOver(callback: () => void): void {
    if (this.#state !== "open") callback();
    else if (this.#onOver === undefined) this.#onOver = [callback];
    else this.#onOver.push(callback);
  }

  /** Drops all frames, the current one as well. Attached readers get the frames that come. */
  forget(): void {
    this.#log.forget();
  }

  /** Writes at most `count` frames from index `from` on. Returns the index of the next one. */
  #replay(channel: Channel, stream: OutStream, from: number, count: number): number {
    const { counters } = this.#host;
    const log = this.#log;
    const to = Math.min(from + count, log.length);
    // A frame that is arriving and has no byte yet is written to all readers together, with its header, once it has one.
    const arriving = this.#inFrame && to === log.length ? 1 : 0;
    const begun = arriving === 1 && log.received > 0;
    const pieces: Uint8Array[] = [];
    counters.bytesOut += log.encoded(channel.dialect, from, begun ? to : to - arriving, pieces);
    counters.framesOut += to - from - arriving;
    for (const piece of join(pieces)) stream.write(piece);
    return to;
  }

  /** The readers that are attached now got all of its payload. */
  #countSent(): void {
    let readers = 0;
    for (const { fan } of this.#readers) readers += fan.size;
    if (readers > 0) this.#host.sent(this.#group.payloadBytes * readers);
  }

  #close(): void {
    this.#inFrame = false;
    this.#onStop = undefined;
    this.#readers = [];
    if (this.#state === "reset") this.#log.forget();
    const callbacks = this.#onOver;
    this.#onOver = undefined;
    this.#host.done(this.#group);
    for (const callback of callbacks ?? []) callback();
  }
}

/** Joins all pieces of a small group, so that a late joiner gets it in one write. Those of a large group stay shared. */
function join(pieces: Uint8Array[]): Uint8Array[] {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (pieces.length <= 1 || total > JOIN_BYTES) return pieces;
  const joined = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return [joined];
}

/** A decodable run of frames: the unit of caching, skipping and expiry. */
export class Group implements Evictable {
  /** In the numbering that subscribers see. */
  readonly sequence: number;
  /** When it began, in the clock's milliseconds. */
  readonly arrivedAt: number;
  readonly subgroup: Subgroup;
  /** Timestamp of its first frame, once there is one. */
  firstTimestamp: number | undefined;
  payloadBytes = 0;
  readonly #host: GroupHost;
  #charged = 0;
  #keeps = true;

  constructor(sequence: number, arrivedAt: number, host: GroupHost) {
    this.sequence = sequence;
    this.arrivedAt = arrivedAt;
    this.#host = host;
    this.subgroup = new Subgroup(this, host);
    host.counters.cacheGroups++;
  }

  /** Bytes that it takes in the cache. */
  get keptBytes(): number {
    return this.#charged;
  }

  /** Whether it is kept from its first frame on, so that a reader may join. */
  get keeps(): boolean {
    return this.#keeps && (this.subgroup.open || this.subgroup.whole);
  }

  /** It is open or whole, but not kept: no further reader can join. */
  get passed(): boolean {
    return !this.#keeps && (this.subgroup.open || this.subgroup.whole);
  }

  /** Charges `bytes` to the budget. False when the group is not kept, now or any more: it passes through. */
  keep(bytes: number): boolean {
    if (!this.#keeps) return false;
    const { cache } = this.#host;
    const small = this.#charged + bytes <= SMALL_BYTES;
    if (!cache.charge(bytes, small)) {
      if (!small || !this.#host.awaited()) {
        this.passOn("cache_bytes");
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
  passOn(bound: BoundName): void {
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
    this.subgroup.forget();
    this.#host.forgotten(this);
  }
}
