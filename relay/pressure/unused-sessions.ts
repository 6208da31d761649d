import type { Clock } from "../../moq/clock.ts";

/** Milliseconds between two looks, or a quarter of the time-out where that is less. */
const LOOK_MS = 5_000;

/** What a session has asked for and sent. */
export interface SessionUse {
  /** Requests of the peer that run: subscriptions, fetches, probes, requests for announcements. */
  readonly running: number;
  /** Broadcasts that the peer announces. */
  readonly announced: number;
  /** Rises with every request of the peer and every byte of media from it. */
  readonly activity: number;
}

export interface CheckedSession {
  /** A relay of the mesh. */
  readonly cluster: boolean;
  readonly session: { use(): SessionUse; end(reason: "timeout", message: string): void };
}

export interface UnusedSessionsDeps {
  readonly clock: Clock;
  readonly sessions: () => Iterable<CheckedSession>;
  /** Milliseconds that a session may do nothing; 0: for ever. */
  readonly timeoutMs: () => number;
  /** Called for each session that is closed. */
  readonly count: () => void;
}

/** Closes sessions of clients that neither publish nor ask for anything: they hold a place that others could have. */
export class UnusedSessions {
  readonly #deps: UnusedSessionsDeps;
  /** When a session was seen first to do nothing, and its activity then. */
  readonly #idle = new WeakMap<object, { since: number; activity: number }>();
  #cancel = () => {};

  constructor(deps: UnusedSessionsDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { clock, timeoutMs } = this.#deps;
    const limit = timeoutMs();
    this.#cancel = clock.timer(limit > 0 ? Math.min(LOOK_MS, limit / 4) : LOOK_MS, () => {
      this.#look();
      this.start();
    });
  }

  close(): void {
    this.#cancel();
  }

  #look(): void {
    const { clock, sessions, timeoutMs, count } = this.#deps;
    const limit = timeoutMs();
    if (limit === 0) return;
    const now = clock.now();
    for (const { session } of [...sessions()].filter(({ cluster }) => !cluster)) {
      const { running, announced, activity } = session.use();
      const idle = this.#idle.get(session);
      if (running > 0 || announced > 0) this.#idle.delete(session);
      else if (idle?.activity !== activity) this.#idle.set(session, { since: now, activity });
      else if (now - idle.since >= limit) {
        count();
        session.end("timeout", `the session published nothing and asked for nothing for ${limit / 1_000} s`);
      }
    }
  }
}
