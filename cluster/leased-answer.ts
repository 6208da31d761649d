import type { Clock } from "../moq/clock.ts";
import type { Advertisement, Publication } from "../moq/model/index.ts";
import type { Reason } from "../moq/reason.ts";
import type { Following, Session } from "../moq/session/index.ts";

export interface LeasedAnswerEvents<T> {
  /** New or changed; `before` is what it replaces. */
  announced(path: string, value: T, before: T | undefined): void;
  /** The peer withdrew it. */
  withdrawn(path: string, value: T): void;
  /** A lease has passed and the peer has not announced it again. */
  expired(path: string, value: T): void;
  /** The peer has announced all that it knows. */
  complete(): void;
  /** The peer ended its answer before its session; the question is asked again after a lease. */
  cut?(reason: Reason): void;
  /** A lease has passed since the answer was complete or the session was lost. */
  leaseOver?(): void;
}

export interface LeasedAnswerDeps<T> {
  readonly clock: Clock;
  /** Milliseconds that an announcement stays known after the peer is gone, unless a peer announces it again. */
  readonly leaseMs: number;
  /** The prefix of the announcements that are asked for. */
  readonly prefix: string;
  /** What an announcement says. */
  readonly read: (path: string, advertisement: Advertisement) => T;
  readonly events: LeasedAnswerEvents<T>;
}

/**
 * The announcements that peers make in answer to one question, over one session after the other.
 * - While no session answers, everything stays known, but is stale.
 * - What the next session announces again is fresh.
 * - What is still stale a lease after that answer is complete expires. The lease is for relays that have yet to come back to the peer.
 */
export class LeasedAnswer<T extends object> {
  readonly #deps: LeasedAnswerDeps<T>;
  readonly #known = new Map<string, T>();
  /** Paths that the session asked now has not announced. */
  readonly #stale = new Set<string>();
  #following: Following | undefined;
  /** Identifies the answer that counts: the newest, until the peer cuts it. */
  #current: object | undefined;
  #complete = false;
  #cancelTimer = () => {};

  constructor(deps: LeasedAnswerDeps<T>) {
    this.#deps = deps;
  }

  /** A session is asked. */
  get following(): boolean {
    return this.#following !== undefined;
  }

  /** The session asked now has announced all that it knows. */
  get complete(): boolean {
    return this.#complete;
  }

  get(path: string): T | undefined {
    return this.#known.get(path);
  }

  values(): Iterable<T> {
    return this.#known.values();
  }

  follow(session: Pick<Session, "follow">): void {
    const answer = {};
    const current = () => this.#current === answer;
    this.#current = answer;
    this.#complete = false;
    const following = session.follow(this.#deps.prefix, {
      list: () => [],
      watch: () => () => {},
      publish: (path, advertisement) => this.#announced(path, advertisement, current),
      cut: (reason) => {
        if (current()) this.#cut(session, reason);
      },
    });
    this.#following = following;
    void following.complete.then(() => {
      if (!current()) return;
      this.expireLater();
      this.#complete = true;
      this.#deps.events.complete();
    });
  }

  /** The session is gone, or another is about to take its place: what it announced is stale from now on. */
  detach(): void {
    this.#following = undefined;
    this.#current = undefined;
    this.#complete = false;
    this.#cancelTimer();
    this.#markStale();
  }

  /** What is stale, and not announced again within a lease, expires. */
  expireLater(): void {
    this.#afterLease(() => {
      const { events } = this.#deps;
      for (const path of [...this.#stale]) {
        const value = this.#delete(path);
        if (value !== undefined) events.expired(path, value);
      }
      events.leaseOver?.();
    });
  }

  /** Asks no more and forgets everything, without an event. */
  stop(): void {
    const following = this.#following;
    this.#following = undefined;
    this.#current = undefined;
    this.#complete = false;
    this.#cancelTimer();
    this.#known.clear();
    this.#stale.clear();
    following?.stop();
  }

  /** Ends the wait for the lease; the session is about to end by itself. */
  close(): void {
    this.#cancelTimer();
  }

  #announced(path: string, advertisement: Advertisement, current: () => boolean): Publication {
    this.#set(path, advertisement, current());
    return {
      update: (next) => this.#set(path, next, current()),
      end: (lost) => {
        // An announcement that ends with its session is stale, not withdrawn.
        if (lost || !current()) return;
        const value = this.#delete(path);
        if (value !== undefined) this.#deps.events.withdrawn(path, value);
      },
    };
  }

  #set(path: string, advertisement: Advertisement, fresh: boolean): void {
    const { read, events } = this.#deps;
    const before = this.#known.get(path);
    // A session that was replaced may still announce for a moment. What the session asked now has announced counts more.
    if (!fresh && before !== undefined && !this.#stale.has(path)) return;
    const value = read(path, advertisement);
    this.#known.set(path, value);
    if (fresh) this.#stale.delete(path);
    else this.#stale.add(path);
    events.announced(path, value, before);
  }

  #delete(path: string): T | undefined {
    const value = this.#known.get(path);
    this.#known.delete(path);
    this.#stale.delete(path);
    return value;
  }

  #cut(session: Pick<Session, "follow">, reason: Reason): void {
    this.#current = undefined;
    this.#markStale();
    this.#afterLease(() => {
      this.#following?.stop();
      this.follow(session);
    });
    this.#deps.events.cut?.(reason);
  }

  #markStale(): void {
    for (const path of this.#known.keys()) this.#stale.add(path);
  }

  #afterLease(callback: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#deps.clock.timer(this.#deps.leaseMs, callback);
  }
}
