/** Requests that every peer may have open at first. */
const FIRST_REQUESTS = 64;

/**
 * How many requests the peer may make: drafts before 17 bound their ids, not how many are open at once (MAX_REQUEST_ID). The bound moves on
 * as requests end, so that there are never more than allowed.
 */
export class RequestLimits {
  readonly #parity: number;
  #allowed = FIRST_REQUESTS;
  /** Requests and updates of the peer that are over. */
  #done = 0;
  #granted: number;

  /** `parity`: of the peer's ids. */
  constructor(parity: number) {
    this.#parity = parity;
    this.#granted = this.#bound;
  }

  /** The first id that the peer may not use, by the last limit that we sent. */
  get granted(): number {
    return this.#granted;
  }

  /** The peer may have so many requests open. Lower numbers than before change nothing. */
  allow(requests: number): void {
    this.#allowed = Math.max(this.#allowed, requests);
  }

  /** A request or update of the peer is over. */
  done(): void {
    this.#done++;
  }

  /** The bound to send now; nothing while the peer has room for half of what it may. */
  next(): number | undefined {
    if (this.#bound - this.#granted < this.#allowed) return undefined;
    this.#granted = this.#bound;
    return this.#granted;
  }

  get #bound(): number {
    return 2 * (this.#done + this.#allowed) + this.#parity;
  }
}
