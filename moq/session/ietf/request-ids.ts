import { TerminationError } from "../../wire/ietf/index.ts";

/** Ids of the peer that may be missing below the highest one: streams overtake each other. Older ones count as used. */
const MAX_MISSING = 1024;

/** Ids of requests: those of a client are even and begin with 0, those of a server are odd and begin with 1 (Request ID). */
export class RequestIds {
  #next: number;
  readonly #theirParity: number;
  /** All ids of the peer below it are used. */
  #below: number;
  /** Used ids of the peer that are not below {@link RequestIds.#below}. */
  readonly #used = new Set<number>();

  /** `client`: this end dialled. */
  constructor(client: boolean) {
    this.#next = client ? 0 : 1;
    this.#theirParity = client ? 1 : 0;
    this.#below = this.#theirParity;
  }

  /** The id that our next request will have. */
  get upcoming(): number {
    return this.#next;
  }

  /** The id of our next request, which must be sent at once. */
  next(): number {
    const id = this.#next;
    this.#next += 2;
    return id;
  }

  /** The smallest id of the peer that was not used. */
  get unused(): number {
    return this.#below;
  }

  /** The peer uses `id` for a request. Throws when it may not. */
  use(id: number): void {
    if (id % 2 !== this.#theirParity) throw invalid("of the wrong end");
    if (id < this.#below || this.#used.has(id)) throw invalid("used twice");
    this.#used.add(id);
    if (this.#used.size > MAX_MISSING) this.#below = [...this.#used].reduce((a, b) => Math.min(a, b));
    while (this.#used.delete(this.#below)) this.#below += 2;
  }
}

function invalid(what: string): TerminationError {
  return new TerminationError("invalid_request_id", "Request ID", what);
}
