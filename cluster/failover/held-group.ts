import { ForwardingWriter, type ObjectStatus, type SubgroupWriter } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";

/** Reasons for which every relay ends a group. Any other reason concerns one relay, and another relay may continue. */
const FINAL: ReadonlySet<Reason> = new Set(["expired", "lagged", "limit", "frame_too_large", "unauthorized"]);

export interface HeldGroupEvents {
  /** The group is complete, or was given up for good. */
  over(): void;
  /** The relay that sent the group has failed in the middle of it: another relay may continue. */
  orphaned(): void;
}

/** What the viewers have of a group. */
interface Progress {
  /** Whole frames. */
  frames: number;
  /** The frame that was begun and not ended: its size, and the bytes of it that were passed on. */
  begun: { readonly size: number; bytes: number } | undefined;
}

/**
 * A group on its way to the viewers. One relay sends it; when that relay fails inside the group, another relay with the same
 * content sends it again from its first frame, and the frames and bytes that were passed on before are skipped.
 */
export class HeldGroup {
  readonly #writer: SubgroupWriter;
  readonly #events: HeldGroupEvents;
  readonly #progress: Progress = { frames: 0, begun: undefined };
  #feed: ResumingWriter | undefined;
  #stop: (reason: Reason) => void = () => {};
  #stopped: Reason | undefined;
  #over = false;

  constructor(writer: SubgroupWriter, events: HeldGroupEvents) {
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
    return this.#feed !== undefined;
  }

  /** Ends it with a reason for the viewers. */
  reset(reason: Reason): void {
    if (this.#over) return;
    this.#writer.reset(reason);
    this.#end();
  }

  /** The relay that sent it sends no more of it. */
  orphan(): void {
    if (this.#over || this.#feed === undefined) return;
    this.#detach();
    this.#events.orphaned();
  }

  /** A relay begins to send it, from its first frame. */
  feed(): SubgroupWriter {
    this.#detach();
    this.#feed = new ResumingWriter(this.#writer, this.#progress, {
      mismatch: () => this.reset("upstream"),
      ended: (reason) => this.#sent(reason),
      onStop: (callback) => {
        this.#stop = callback;
        if (this.#stopped !== undefined) callback(this.#stopped);
      },
    });
    return this.#feed;
  }

  /** The relay that sends it has finished it, or has reset it for a reason. */
  #sent(reason: Reason | undefined): void {
    if (reason === undefined) {
      this.#writer.finish();
      this.#end();
    } else if (FINAL.has(reason)) this.reset(reason);
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
  }
}

interface ResumingEvents {
  /** The frame that goes on has another size at this relay: its content is not the same. */
  mismatch(): void;
  ended(reason: Reason | undefined): void;
  onStop(callback: (reason: Reason) => void): void;
}

/** Passes on what one relay sends of a group, without the frames and bytes that viewers have already. */
class ResumingWriter extends ForwardingWriter {
  readonly #progress: Progress;
  readonly #events: ResumingEvents;
  /** Whole frames that this relay has sent. */
  #index = 0;
  /** Bytes of the current frame that viewers have; all of it where they have the whole frame. */
  #skip = 0;

  constructor(target: SubgroupWriter, progress: Progress, events: ResumingEvents) {
    super(target);
    this.#progress = progress;
    this.#events = events;
  }

  /** From now on nothing is passed on. */
  detach(): void {
    this.target = undefined;
  }

  override object(size: number, timestamp: number | undefined, id?: number, properties?: Uint8Array): void {
    if (this.target === undefined) return;
    const { frames, begun } = this.#progress;
    if (this.#index < frames) this.#skip = size;
    else if (begun === undefined) {
      this.#skip = 0;
      this.#progress.begun = { size, bytes: 0 };
      this.target.object(size, timestamp, id, properties);
    } else if (begun.size === size) this.#skip = begun.bytes;
    else this.#events.mismatch();
  }

  override payload(bytes: Uint8Array): void {
    if (this.target === undefined) return;
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    if (skipped === bytes.length) return;
    const rest = bytes.subarray(skipped);
    const { begun } = this.#progress;
    if (begun !== undefined) begun.bytes += rest.length;
    this.target.payload(rest);
  }

  override end(): void {
    if (this.target === undefined) return;
    if (this.#index >= this.#progress.frames) {
      this.#progress.begun = undefined;
      this.#progress.frames++;
      this.target.end();
    }
    this.#index++;
  }

  override status(status: ObjectStatus, id: number, properties?: Uint8Array): void {
    if (this.target === undefined || this.#index++ < this.#progress.frames) return;
    if (this.#progress.begun === undefined) {
      this.#progress.frames++;
      this.target.status(status, id, properties);
    } else this.#events.mismatch();
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
