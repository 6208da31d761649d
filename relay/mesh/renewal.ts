import { readClaims } from "../../auth/index.ts";
import type { Clock } from "../../moq/clock.ts";

/** Share of a token's life after which a session that was opened with it is made anew; up to as much again is left to chance. */
const RENEW_AFTER = 0.6;
const RENEW_SPREAD = 0.15;

/** Longest and shortest pause between two looks, in milliseconds: the wall clock may be set, and files may be written at any time. */
const LONGEST_PAUSE_MS = 60_000;
const SHORTEST_PAUSE_MS = 250;

/** Share of its life for which a token is left when somebody has to be told that there is no newer one. */
const LAST_WORD = 0.2;

export interface RenewalDeps {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  /** The token that a new session would be opened with. */
  readonly token: () => Promise<string | undefined>;
  /** The token ends before long, and there is no newer one. */
  readonly late: (expiresAt: number) => void;
}

/**
 * Looks after one session that ends when its token expires: says in time that another one may be had, as soon as there is a
 * newer token for it.
 */
export class Renewal {
  readonly #deps: RenewalDeps;
  readonly #renew: () => void;
  #cancel = () => {};
  #over = false;
  #told = false;

  constructor(deps: RenewalDeps, renew: () => void) {
    this.#deps = deps;
    this.#renew = renew;
  }

  /** The session was opened with that token. */
  begin(token: string | undefined): void {
    const expiresAt = expiryOf(token);
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
    this.#cancel = this.#deps.clock.timer(pause, () => void this.#look(session));
  }

  async #look(session: Watched): Promise<void> {
    const { wallNow, token, late } = this.#deps;
    const { expiresAt, from, life } = session;
    const due = from - wallNow();
    if (due > 0) {
      this.#wait(due, session);
      return;
    }
    // A file that cannot be read now may be written again in time.
    const newer = expiryOf(await token().catch(() => undefined));
    if (this.#over) return;
    const left = expiresAt - wallNow();
    if (newer !== undefined && newer > expiresAt) this.#renew();
    else if (left < life * LAST_WORD && !this.#told) {
      this.#told = true;
      late(expiresAt);
    }
    if (left > 0) this.#wait(left / 8, session);
  }
}

interface Watched {
  readonly expiresAt: number;
  /** When another session is wanted. */
  readonly from: number;
  readonly life: number;
}

/** Milliseconds since 1970; nothing for a token that does not expire, or is none. */
function expiryOf(token: string | undefined): number | undefined {
  const claims = token === undefined ? undefined : readClaims(token)?.claims;
  const exp = typeof claims === "object" && claims !== null && "exp" in claims ? claims.exp : undefined;
  return typeof exp === "number" ? exp * 1000 : undefined;
}
