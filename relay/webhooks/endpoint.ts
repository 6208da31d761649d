import type { Clock } from "../../moq/clock.ts";
import { bodyOf, type QueuedEvent } from "./events.ts";

/** Requests to one URL that run at once. */
const CONCURRENT = 8;

/** Milliseconds before the second attempt; doubled for each further one, up to the longest. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 60_000;

export const DROP_CAUSES = ["queue_full", "retried_out", "removed", "closed"] as const;
export type DropCause = (typeof DROP_CAUSES)[number];

export interface EndpointDeps {
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** Sends one request. Resolves with nothing when the receiver has accepted it, else with why not. Never rejects. */
  readonly post: (event: QueuedEvent, body: string) => Promise<string | undefined>;
  readonly delivered: () => void;
  /** An attempt failed; another one follows. `first`: the one before it, of any event, did not fail. */
  readonly failed: (why: string, first: boolean) => void;
  /** The receiver accepts again after failures. */
  readonly recovered: () => void;
  readonly dropped: (cause: DropCause, event: QueuedEvent) => void;
  /** Events that may wait, those under way included. */
  readonly queue: () => number;
  /** Milliseconds for which an event is tried. */
  readonly retryForMs: () => number;
}

/** Events of one key, in order. The first one is under way or waits for its next attempt. */
interface Lane {
  readonly events: QueuedEvent[];
  attempts: number;
  /** When the first attempt of the first event began. */
  since: number;
  cancel: () => void;
}

/**
 * Delivers events to one URL. Events of one key go one after the other; those of other keys do not wait for them. A queue that is full
 * drops new events and counts them, and the next event that is delivered says how many were missed.
 */
export class Endpoint {
  readonly #deps: EndpointDeps;
  readonly #lanes = new Map<string, Lane>();
  /** Keys whose first event may be sent, in order. */
  readonly #due = new Set<string>();
  #queued = 0;
  #running = 0;
  #missed = 0;
  #failing = false;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(deps: EndpointDeps) {
    this.#deps = deps;
  }

  /** Events that wait, those under way included. */
  get queued(): number {
    return this.#queued;
  }

  push(event: QueuedEvent): void {
    if (this.#closed || this.#queued >= this.#deps.queue()) {
      this.#drop(this.#closed ? "closed" : "queue_full", event);
      return;
    }
    this.#queued += 1;
    const lane = this.#lanes.get(event.key);
    if (lane !== undefined) {
      lane.events.push(event);
      return;
    }
    this.#lanes.set(event.key, { events: [event], attempts: 0, since: this.#deps.clock.now(), cancel: () => {} });
    this.#due.add(event.key);
    this.#pump();
  }

  /** Waits until nothing is queued, at most `withinMs`; drops what is left. */
  async close(withinMs: number, cause: DropCause = "closed"): Promise<void> {
    this.#closed = true;
    if (this.#queued > 0 && withinMs > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        this.#deps.clock.timer(withinMs, resolve);
      });
    }
    const left = [...this.#lanes.values()];
    this.#lanes.clear();
    this.#due.clear();
    this.#queued = 0;
    for (const { events, cancel } of left) {
      cancel();
      for (const event of events) this.#drop(cause, event);
    }
  }

  #pump(): void {
    for (const key of this.#due) {
      if (this.#running >= CONCURRENT) return;
      this.#due.delete(key);
      const lane = this.#lanes.get(key);
      if (lane !== undefined) void this.#attempt(key, lane);
    }
  }

  async #attempt(key: string, lane: Lane): Promise<void> {
    const [event] = lane.events;
    if (event === undefined) return;
    this.#running += 1;
    const missed = this.#missed;
    const why = await this.#deps.post(event, bodyOf(event, missed));
    this.#running -= 1;
    // Dropped meanwhile by `close`.
    if (this.#lanes.get(key) !== lane) return;
    if (why === undefined) this.#accepted(key, lane, missed);
    else this.#refused(key, lane, event, why);
    this.#pump();
    if (this.#queued === 0) this.#idle?.();
  }

  #accepted(key: string, lane: Lane, missed: number): void {
    this.#missed -= missed;
    this.#deps.delivered();
    if (this.#failing) this.#deps.recovered();
    this.#failing = false;
    this.#next(key, lane);
  }

  #refused(key: string, lane: Lane, event: QueuedEvent, why: string): void {
    const { clock, random, retryForMs } = this.#deps;
    this.#deps.failed(why, !this.#failing);
    this.#failing = true;
    lane.attempts += 1;
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (lane.attempts - 1));
    // Half of it at random, so that many events do not come back at once.
    const waitMs = longest / 2 + (random() * longest) / 2;
    if (clock.now() + waitMs - lane.since > retryForMs()) {
      this.#drop("retried_out", event);
      this.#next(key, lane);
      return;
    }
    lane.cancel = clock.timer(waitMs, () => {
      this.#due.add(key);
      this.#pump();
    });
  }

  /** The first event of the lane is over. */
  #next(key: string, lane: Lane): void {
    this.#queued -= 1;
    lane.events.shift();
    if (lane.events.length === 0) {
      this.#lanes.delete(key);
      return;
    }
    lane.attempts = 0;
    lane.since = this.#deps.clock.now();
    this.#due.add(key);
  }

  #drop(cause: DropCause, event: QueuedEvent): void {
    this.#missed += 1;
    this.#deps.dropped(cause, event);
  }
}
