import type { Link } from "../link.ts";

/** Requests that every engine allows a peer at first, unless configured lower. */
const FIRST_REQUESTS = 64;
/** What the allowance is multiplied by when half of it is open. */
const GROWTH = 4;

/** Allows the peer more request streams as it uses them: an engine keeps a place for each stream that it allows. */
export class StreamAllowance {
  readonly #link: Pick<Link, "allowBidi">;
  readonly #limit: number;
  #allowed = FIRST_REQUESTS;

  /** The peer may have `limit` streams open at most. */
  constructor(link: Pick<Link, "allowBidi">, limit: number) {
    this.#link = link;
    this.#limit = limit;
  }

  /** The peer has opened a stream, and has `open` now. */
  opened(open: number): void {
    if (this.#allowed >= this.#limit || open * 2 < this.#allowed) return;
    this.#allowed = Math.min(this.#limit, this.#allowed * GROWTH);
    this.#link.allowBidi(this.#allowed);
  }
}
