import type { GroupWriter } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";

/** Why a relay ends a group that others, asked the same, would end as well. All else is that relay's own trouble. */
const FINAL: ReadonlySet<Reason> = new Set(["expired", "lagged", "limit", "frame_too_large", "unauthorized"]);

/** What becomes of a group. */
export interface HeldGroupEvents {
  /** It is complete, or was given up for good. */
  over(): void;
  /** Who sent it is gone in the middle of it: another may go on. */
  orphaned(): void;
}

/**
 * A group on its way to the viewers, sent by one relay and, when that one dies inside it, by another one that has the same
 * content: what was passed on already is skipped, by frames and bytes.
 */
export class HeldGroup {
  readonly #writer: GroupWriter;
  readonly #events: HeldGroupEvents;
  /** Whole frames that were passed on. */
  #frames = 0;
  /** The size of the frame that was begun and not ended, and the bytes of it that were passed on. */
  #begun: { readonly size: number; bytes: number } | undefined;
  #feed: object | undefined;
  #stop: (reason: Reason) => void = () => {};
  #stopped: Reason | undefined;
  #over = false;

  constructor(writer: GroupWriter, events: HeldGroupEvents) {
    this.#writer = writer;
    this.#events = events;
    writer.onStop((reason) => {
      this.#stopped = reason;
      this.#stop(reason);
      this.#end();
    });
  }

  /** Somebody sends it. */
  get fed(): boolean {
    return this.#feed !== undefined;
  }

  /** Gives it up: nobody goes on with it. */
  reset(reason: Reason): void {
    if (this.#over) return;
    this.#writer.reset(reason);
    this.#end();
  }

  /** Whoever sent it does so no more. */
  orphan(): void {
    if (this.#over || this.#feed === undefined) return;
    this.#feed = undefined;
    this.#events.orphaned();
  }

  /** A relay begins to send it, from its first frame. */
  feed(): GroupWriter {
    const feed = {};
    this.#feed = feed;
    let index = 0;
    /** Bytes of the current frame that were passed on before; all of it where the frame was. */
    let skip = 0;
    const live = () => this.#feed === feed && !this.#over;
    return {
      frame: (size, timestamp) => {
        if (!live()) return;
        if (index < this.#frames) skip = size;
        else if (this.#begun !== undefined) {
          if (this.#begun.size !== size) return this.reset("upstream");
          skip = this.#begun.bytes;
        } else {
          skip = 0;
          this.#begun = { size, bytes: 0 };
          this.#writer.frame(size, timestamp);
        }
      },
      payload: (bytes) => {
        if (!live()) return;
        const skipped = Math.min(skip, bytes.length);
        skip -= skipped;
        if (skipped === bytes.length) return;
        const rest = bytes.subarray(skipped);
        if (this.#begun !== undefined) this.#begun.bytes += rest.length;
        this.#writer.payload(rest);
      },
      end: () => {
        if (!live()) return;
        if (index >= this.#frames) {
          this.#begun = undefined;
          this.#frames++;
          this.#writer.end();
        }
        index++;
      },
      finish: () => {
        if (!live()) return;
        this.#writer.finish();
        this.#end();
      },
      reset: (reason) => {
        if (!live()) return;
        if (FINAL.has(reason)) this.reset(reason);
        else this.orphan();
      },
      onStop: (callback) => {
        this.#stop = callback;
        if (this.#stopped !== undefined) callback(this.#stopped);
      },
    };
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#feed = undefined;
    this.#events.over();
  }
}
