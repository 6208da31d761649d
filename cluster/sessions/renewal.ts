import type { Clock } from "../../moq/clock.ts";

/** Share of a token's life after which a second session is opened; up to RENEW_SPREAD more is random. */
const RENEW_AFTER = 0.6;
const RENEW_SPREAD = 0.15;

/** Longest and shortest wait before the next check, in milliseconds: the wall clock and the token file may change at any time. */
const LONGEST_PAUSE_MS = 60_000;
const SHORTEST_PAUSE_MS = 250;

/** Share of the life left at which `late` warns that there is no newer token. */
const LATE_SHARE = 0.2;

export interface RenewalDeps {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  /** When the token that a new session would present expires, in milliseconds since 1970; absent: never, or there is none. */
  readonly tokenExpiry: () => Promise<number | undefined>;
  /** The session's token expires soon, and there is no newer one. */
  readonly late: (expiresAt: number) => void;
}

/**
 * Watches one session that ends when its token expires. Calls `renew` before that, as soon as there is a newer token, so that a second
 * session can be opened while the first still runs.
 */
export class Renewal {
  readonly #deps: RenewalDeps;
  readonly #renew: () => void;
  #cancel = () => {};
  #over = false;
  #warned = false;

  constructor(deps: RenewalDeps, renew: () => void) {
    this.#deps = deps;
    this.#renew = renew;
  }

  /** The session was opened with a token that expires then, in milliseconds since 1970; absent: it never does. */
  begin(expiresAt: number | undefined): void {
    if (expiresAt === undefined || this.#over) return;
    const { wallNow, random } = this.#deps;
    const life = expiresAt - wallNow();
    const from = wallNow() + life * (RENEW_AFTER + random() * RENEW_SPREAD);
    this.#wait(from - wallNow(), { expiresAt, from, life });
  }

  /** The session is over. */
  stop(): void {
    this.#over = true;
    this.#cancel();
  }

  #wait(ms: number, session: Watched): void {
    const pause = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, ms));
    this.#cancel = this.#deps.clock.timer(pause, () => void this.#check(session));
  }

  async #check(session: Watched): Promise<void> {
    const { wallNow, tokenExpiry, late } = this.#deps;
    const { expiresAt, from, life } = session;
    const due = from - wallNow();
    if (due > 0) {
      this.#wait(due, session);
      return;
    }
    // A token file that cannot be read now may be written again in time.
    const newer = await tokenExpiry().catch(() => undefined);
    if (this.#over) return;
    const left = expiresAt - wallNow();
    if (newer !== undefined && newer > expiresAt) this.#renew();
    else if (left < life * LATE_SHARE && !this.#warned) {
      this.#warned = true;
      late(expiresAt);
    }
    if (left > 0) this.#wait(left / 8, session);
  }
}

interface Watched {
  readonly expiresAt: number;
  /** When a second session is wanted. */
  readonly from: number;
  readonly life: number;
}
