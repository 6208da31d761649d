import { ForwardingWriter, type Inflow, type ObjectStatus, type SubgroupWriter } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";

/** Reasons for which every relay ends a subgroup. Any other reason concerns one relay, and another relay may continue. */
const FINAL: ReadonlySet<Reason> = new Set(["expired", "lagged", "limit", "frame_too_large", "unauthorized"]);

export interface HeldSubgroupEvents {
  /** The subgroup is complete, or was given up for good. */
  over(): void;
  /** The relay that sent the subgroup has failed in the middle of it: another relay may continue. */
  orphaned(): void;
}

/** What the viewers have of a subgroup. */
interface Progress {
  /** The id of the last whole object; -1 without one. */
  last: number;
  /** An object was begun and not ended: its id, its size, and the bytes of it that were passed on. */
  inObject: boolean;
  id: number;
  size: number;
  bytes: number;
}

/**
 * A subgroup on its way to the viewers. One relay sends it; when that relay fails inside it, another relay with the same content sends it
 * again from its first object, and the objects and bytes that were passed on before are skipped.
 */
export class HeldSubgroup {
  readonly #writer: SubgroupWriter;
  readonly #events: HeldSubgroupEvents;
  readonly #progress: Progress = { last: -1, inObject: false, id: -1, size: 0, bytes: 0 };
  #feed: ResumingWriter | undefined;
  #leaving = false;
  #stop: (reason: Reason) => void = () => {};
  #stopped: Reason | undefined;
  #over = false;

  constructor(writer: SubgroupWriter, events: HeldSubgroupEvents) {
    this.#writer = writer;
    this.#events = events;
    writer.onStop((reason) => {
      this.#stopped = reason;
      this.#stop(reason);
      this.#end();
    });
  }

  /** A relay sends it. */
  get fed(): boolean {
    return this.#feed !== undefined && !this.#leaving;
  }

  /** The relay that sent it was given up, and its last bytes have not come: viewers have them already. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** Ends it with a reason for the viewers. */
  reset(reason: Reason): void {
    if (this.#over) return;
    this.#writer.reset(reason);
    this.#end();
  }

  /** The relay that sent it sends no more of it. */
  orphan(): void {
    if (this.#over || this.#feed === undefined || this.#leaving) return;
    if (this.#feed.passes) {
      this.#leaving = true;
      this.#feed.unpass();
    } else this.#detach();
    this.#events.orphaned();
  }

  /** A relay begins to send it. `whole`: from its first object; else inside, where objects after those that viewers have may be missing. */
  feed(whole: boolean): SubgroupWriter {
    this.#detach();
    const feed = new ResumingWriter(this.#writer, this.#progress, whole, {
      mismatch: () => this.reset("upstream"),
      ahead: () => {
        const stop = this.#stop;
        this.orphan();
        stop("duplicate");
      },
      unpassed: () => {
        if (this.#leaving) this.#detach();
      },
      ended: (reason) => this.#sent(reason),
      onStop: (callback) => {
        this.#stop = callback;
        if (this.#stopped !== undefined) callback(this.#stopped);
      },
    });
    this.#feed = feed;
    return feed;
  }

  /** The relay that sends it has finished it, or has reset it for a reason. */
  #sent(reason: Reason | undefined): void {
    if (reason === undefined) {
      this.#writer.finish();
      this.#end();
    } else if (FINAL.has(reason)) this.reset(reason);
    // The session has ended before the bytes that the engine passed on last: what viewers have of it is not known.
    else if (this.#feed?.passes === true) this.reset("upstream");
    else this.orphan();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#detach();
    this.#events.over();
  }

  #detach(): void {
    this.#feed?.detach();
    this.#feed = undefined;
    this.#leaving = false;
  }
}

interface ResumingEvents {
  /** The object that goes on is another one at this relay: its content is not the same. */
  mismatch(): void;
  /** It begins after an object that viewers lack. */
  ahead(): void;
  unpassed(): void;
  ended(reason: Reason | undefined): void;
  onStop(callback: (reason: Reason) => void): void;
}

/** Passes on what one relay sends of a subgroup, without the objects and bytes that viewers have already. */
class ResumingWriter extends ForwardingWriter {
  readonly #progress: Progress;
  readonly #events: ResumingEvents;
  /** The id of the last object that this relay has begun. */
  #id = -1;
  /** Bytes of the current object that viewers have; all of it where they have the whole object. */
  #skip = 0;
  /** The stream of the relay, while the engine passes it on. */
  #inflow: Inflow | undefined;
  #unpassing = false;
  /** No object that viewers lack is missing before the next one. */
  #joins: boolean;

  constructor(target: SubgroupWriter, progress: Progress, whole: boolean, events: ResumingEvents) {
    super(target);
    this.#progress = progress;
    this.#joins = whole || (progress.last < 0 && !progress.inObject);
    this.#events = events;
  }

  /** The engine writes what comes to viewers before it comes here. */
  get passes(): boolean {
    return this.#inflow !== undefined;
  }

  /** The end of passing on follows, unless the session ends before. */
  unpass(): void {
    this.#unpassing = true;
    // It is on its way already where there is nothing to end.
    this.#inflow?.unpass();
  }

  /** From now on nothing is written. */
  detach(): void {
    this.target = undefined;
  }

  follows(from: Inflow): void {
    if (this.#isInStep) this.target?.follows?.(from);
  }

  marked(from: Inflow): boolean {
    if (this.target?.marked === undefined || !this.#isInStep) from.pass([], false);
    else if (this.target.marked(from)) this.#inflow = from;
    return this.passes;
  }

  unpassed(): void {
    if (this.#inflow === undefined) return;
    this.#inflow = undefined;
    this.target?.unpassed?.();
    this.#events.unpassed();
  }

  /** Viewers have what this relay has sent, and nothing else. */
  get #isInStep(): boolean {
    const { inObject, id, last } = this.#progress;
    return !this.#unpassing && this.#joins && this.#skip === 0 && this.#id === (inObject ? id : last);
  }

  override object(size: number, timestamp: number | undefined, id = this.#id + 1, properties?: Uint8Array): void {
    if (this.target === undefined) return;
    this.#id = id;
    const progress = this.#progress;
    this.#joins ||= id <= (progress.inObject ? progress.id : progress.last + 1);
    if (!this.#joins) this.#events.ahead();
    else if (id <= progress.last) this.#skip = size;
    else if (!progress.inObject) {
      this.#skip = 0;
      progress.inObject = true;
      progress.id = id;
      progress.size = size;
      progress.bytes = 0;
      this.target.object(size, timestamp, id, properties);
    } else if (progress.id === id && progress.size === size) this.#skip = progress.bytes;
    else this.#events.mismatch();
  }

  override payload(bytes: Uint8Array): void {
    if (this.target === undefined) return;
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    if (skipped === bytes.length) return;
    const rest = skipped === 0 ? bytes : bytes.subarray(skipped);
    if (this.#progress.inObject) this.#progress.bytes += rest.length;
    this.target.payload(rest);
  }

  override end(): void {
    const progress = this.#progress;
    if (this.target === undefined || this.#id <= progress.last) return;
    progress.inObject = false;
    progress.last = this.#id;
    this.target.end();
  }

  override status(status: ObjectStatus, id: number, properties?: Uint8Array): void {
    this.#id = id;
    const progress = this.#progress;
    if (this.target === undefined || id <= progress.last) return;
    this.#joins ||= !progress.inObject && id === progress.last + 1;
    if (!this.#joins) this.#events.ahead();
    else if (progress.inObject) this.#events.mismatch();
    else {
      progress.last = id;
      this.target.status(status, id, properties);
    }
  }

  override finish(): void {
    if (this.target !== undefined) this.#events.ended(undefined);
  }

  override reset(reason: Reason): void {
    if (this.target !== undefined) this.#events.ended(reason);
  }

  override onStop(callback: (reason: Reason) => void): void {
    this.#events.onStop(callback);
  }
}
