import type { Clock } from "../../moq/clock.ts";

/** Milliseconds between two looks, or a quarter of the time-out where that is less. */
const LOOK_MS = 5_000;

/** What a session does now. */
export interface SessionUse {
  /** Requests of the peer that run: subscriptions, fetches, probes, requests for announcements. */
  readonly running: number;
  /** Broadcasts that the peer announces. */
  readonly announced: number;
}

export interface CheckedSession {
  /** A relay of the mesh. */
  readonly cluster: boolean;
  readonly session: { use(): SessionUse; end(reason: "timeout", message: string): void };
  /** Milliseconds without a request, an announcement or a group, as exact as this is called often. */
  idleMs(): number;
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
    const { sessions, timeoutMs, count } = this.#deps;
    const limit = timeoutMs();
    // Every session is looked at, also where none is closed: operators see since when each is idle.
    for (const one of [...sessions()]) {
      const idleMs = one.idleMs();
      if (limit === 0 || one.cluster || idleMs < limit) continue;
      const { running, announced } = one.session.use();
      if (running > 0 || announced > 0) continue;
      count();
      one.session.end("timeout", `the session published nothing and asked for nothing for ${limit / 1_000} s`);
    }
  }
}
