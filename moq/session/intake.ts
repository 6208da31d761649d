import type { BidiHandler } from "../link.ts";
import type { Share } from "../model/index.ts";
import type { SessionDeps } from "./contract.ts";

/** Bytes that each queued event counts in addition to its data, so that many empty events are bounded as well. */
const EVENT_BYTES = 256;

/** Queued bytes above which the link is not read until the queue is empty: one or two turns of media. */
const PAUSE_BYTES = 64 * 1024;

/** Units of work (see `Scheduler`) of an event, besides those of its bytes. */
const EVENT_UNITS = 2;

/** Handles the events of one stream. No method may throw. */
export interface TurnHandler {
  /** Returns the bytes that it did not read because the session's share of this turn is used up. They are valid until the next event. */
  data(bytes: Uint8Array): Uint8Array;
  marked?(): void;
  unpassed?(): void;
  fin(): void;
  reset(code: number): void;
  stop(code: number): void;
}

/** What the intake needs of its session. */
export interface IntakeOwner {
  readonly share: Share;
  readonly deps: Pick<SessionDeps, "limits" | "broadcasts">;
  readonly link: { pauseReading(paused: boolean): void };
  end(reason: "limit", message: string): void;
}

/**
 * Handles what the peer sends at once while the session's share of the turn lasts. Further events are queued and handled in order in
 * later turns. Above {@link PAUSE_BYTES} the link is not read, so that the peer waits. At `sessionQueueBytes` the session ends: the
 * engine cannot pause, or has read too much already.
 */
export class Intake {
  readonly #owner: IntakeOwner;
  #bytes = 0;
  #paused = false;
  /** The last event in the queue, when it is data. */
  #last: QueuedData | undefined;

  constructor(owner: IntakeOwner) {
    this.#owner = owner;
  }

  /** Handles the events of a stream with `handler`. */
  stream(handler: TurnHandler): BidiHandler {
    return new IntakeStream(this, handler);
  }

  data(handler: Pick<TurnHandler, "data">, bytes: Uint8Array): void {
    const { share } = this.#owner;
    if (share.hasQueued || !share.open) {
      this.#enqueueData(handler, bytes);
      return;
    }
    const rest = handler.data(bytes);
    if (rest.length > 0) this.#enqueueData(handler, rest);
  }

  event(act: () => void): void {
    const { share } = this.#owner;
    if (!share.hasQueued && share.open) {
      share.left -= EVENT_UNITS;
      act();
      return;
    }
    this.#enqueue(0, () => {
      share.left -= EVENT_UNITS;
      act();
      return true;
    });
  }

  #enqueueData(handler: Pick<TurnHandler, "data">, bytes: Uint8Array): void {
    if (this.#last?.append(handler, bytes) === true) {
      this.#count(bytes.length);
      return;
    }
    const queued = new QueuedData(handler, bytes, (count) => this.#done(count));
    this.#enqueue(bytes.length, () => {
      const done = queued.work();
      if (done && this.#last === queued) this.#last = undefined;
      return done;
    });
    this.#last = queued;
  }

  /** Queues `job`, which calls `#done` for its `bytes` itself. */
  #enqueue(bytes: number, job: () => boolean): void {
    this.#last = undefined;
    this.#owner.share.enqueue(() => {
      if (!job()) return false;
      this.#done(EVENT_BYTES);
      return true;
    });
    this.#count(bytes + EVENT_BYTES);
  }

  #done(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes > 0 || !this.#paused) return;
    this.#paused = false;
    this.#owner.link.pauseReading(false);
  }

  #count(bytes: number): void {
    const { deps, link } = this.#owner;
    this.#bytes += bytes;
    if (this.#bytes > PAUSE_BYTES && !this.#paused) {
      this.#paused = true;
      link.pauseReading(true);
    }
    if (this.#bytes <= deps.limits.sessionQueueBytes) return;
    deps.broadcasts.counters.boundsHit.session_unread_bytes++;
    this.#owner.end("limit", `more than ${deps.limits.sessionQueueBytes} bytes wait for their turn`);
  }
}

/** Queued data of one stream. Pieces that follow one another are joined. */
class QueuedData {
  readonly #handler: Pick<TurnHandler, "data">;
  readonly #done: (bytes: number) => void;
  #rest: Uint8Array;
  /** The bytes after `#rest`, and how many of this memory are filled. */
  #more = new Uint8Array(0);
  #filled = 0;

  /** `done` is called with the number of bytes that were read. */
  constructor(handler: Pick<TurnHandler, "data">, bytes: Uint8Array, done: (bytes: number) => void) {
    this.#handler = handler;
    this.#done = done;
    this.#rest = new Uint8Array(bytes);
  }

  /** False, and nothing done, for the data of another stream. */
  append(handler: Pick<TurnHandler, "data">, bytes: Uint8Array): boolean {
    if (handler !== this.#handler) return false;
    if (this.#filled + bytes.length > this.#more.length) {
      const more = new Uint8Array(2 * (this.#filled + bytes.length));
      more.set(this.#more.subarray(0, this.#filled));
      this.#more = more;
    }
    this.#more.set(bytes, this.#filled);
    this.#filled += bytes.length;
    return true;
  }

  /** True when all of it was read. */
  work(): boolean {
    const before = this.#rest.length;
    this.#rest = this.#handler.data(this.#rest);
    this.#done(before - this.#rest.length);
    if (this.#rest.length > 0) return false;
    if (this.#filled === 0) return true;
    this.#rest = this.#more.subarray(0, this.#filled);
    this.#more = new Uint8Array(0);
    this.#filled = 0;
    return false;
  }
}

class IntakeStream implements BidiHandler {
  readonly #intake: Intake;
  readonly #handler: TurnHandler;

  constructor(intake: Intake, handler: TurnHandler) {
    this.#intake = intake;
    this.#handler = handler;
  }

  data(bytes: Uint8Array): void {
    this.#intake.data(this.#handler, bytes);
  }

  marked(): void {
    this.#intake.event(() => this.#handler.marked?.());
  }

  unpassed(): void {
    this.#intake.event(() => this.#handler.unpassed?.());
  }

  fin(): void {
    this.#intake.event(() => this.#handler.fin());
  }

  reset(code: number): void {
    this.#intake.event(() => this.#handler.reset(code));
  }

  stop(code: number): void {
    this.#intake.event(() => this.#handler.stop(code));
  }
}
