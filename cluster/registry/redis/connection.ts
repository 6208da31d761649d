import type { Clock } from "../../../moq/clock.ts";
import { BackOff } from "../../back-off.ts";

/** First and longest wait between two connection attempts, in milliseconds. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
/**
 * Part of a lease that a wait may take at most. The first root that reaches an empty Redis keeps what the other roots have not written for one lease:
 * a root that waited longer would find its relays withdrawn.
 */
const WAIT_OF_LEASE = 1 / 4;

/** Milliseconds for an answer. Redis takes about one unless it hangs. */
const ANSWER_MS = 2_000;

/** Commands without an answer yet; more are refused, as they are while there is no connection. */
const MAX_UNANSWERED = 20_000;

/** A connection that is up. Both calls are safe after its end. */
export interface RedisLink {
  /** Rejects when Redis refuses the command, or the connection ends. */
  send(command: readonly string[]): Promise<unknown>;
  close(): void;
}

/** Connects and subscribes; rejects when that takes too long. `lost` is called once at most, after the promise resolved. */
export type DialRedis = (on: { message(text: string): void; lost(why: string): void }) => Promise<RedisLink>;

export interface ConnectionDeps {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly dial: DialRedis;
  /** The lease of what is in Redis, in milliseconds. */
  readonly leaseMs: number;
}

export interface ConnectionEvents {
  up(): void;
  down(why: string): void;
  message(text: string): void;
}

/** One connection to Redis at a time, dialled again with back-off. Commands are refused while there is none. */
export class RedisConnection {
  readonly #deps: ConnectionDeps;
  readonly #events: ConnectionEvents;
  #link: RedisLink | undefined;
  #fail: (why: string) => void = () => {};
  readonly #backOff: BackOff;
  #unanswered = 0;
  #cancel = () => {};
  #closed = false;

  constructor(deps: ConnectionDeps, events: ConnectionEvents) {
    this.#deps = deps;
    this.#events = events;
    const longestMs = Math.min(LONGEST_WAIT_MS, deps.leaseMs * WAIT_OF_LEASE);
    this.#backOff = new BackOff({ firstMs: FIRST_WAIT_MS, longestMs, random: deps.random });
    this.#dial();
  }

  async send(command: readonly string[]): Promise<unknown> {
    const link = this.#link;
    if (link === undefined) throw new Error("not connected to Redis");
    if (this.#unanswered >= MAX_UNANSWERED)
      throw new Error(`more than ${MAX_UNANSWERED} commands wait for an answer of Redis`);
    this.#unanswered++;
    const late = Promise.withResolvers<never>();
    const cancel = this.#deps.clock.timer(ANSWER_MS, () => {
      late.reject(new Error(`no answer within ${ANSWER_MS} ms`));
      if (this.#link === link) this.#fail(`no answer within ${ANSWER_MS} ms`);
    });
    try {
      return await Promise.race([link.send(command), late.promise]);
    } finally {
      cancel();
      this.#unanswered--;
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#link?.close();
    this.#link = undefined;
  }

  #dial(): void {
    let over = false;
    const failed = (why: string) => {
      if (over || this.#closed) return;
      over = true;
      this.#link?.close();
      this.#link = undefined;
      this.#events.down(why);
      this.#cancel = this.#deps.clock.timer(this.#backOff.next(), () => this.#dial());
    };
    const message = (text: string) => {
      if (!over && !this.#closed) this.#events.message(text);
    };
    this.#deps.dial({ message, lost: failed }).then(
      (link) => {
        if (this.#closed || over) {
          link.close();
          return;
        }
        this.#link = link;
        this.#fail = failed;
        this.#backOff.reset();
        this.#events.up();
      },
      (error: unknown) => failed(error instanceof Error ? error.message : String(error)),
    );
  }
}
