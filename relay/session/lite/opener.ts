import type { Counters } from "../../model/counters.ts";
import type { Reason } from "../../model/reason.ts";
import { type BidiHandler, type BidiStream, type Link, PRIORITY_CONTROL } from "../../transport/contract.ts";

interface Pending {
  readonly handler: BidiHandler;
  readonly opened: (stream: BidiStream) => void;
}

/** Opens our request streams, and keeps those that the peer does not allow yet in line. */
export class Opener {
  readonly #link: Link;
  readonly #limit: number;
  readonly #counters: Counters;
  #pending: Pending[] = [];

  constructor(link: Link, limit: number, counters: Counters) {
    this.#link = link;
    this.#limit = limit;
    this.#counters = counters;
  }

  /** Requests wait in line. */
  get crowded(): boolean {
    return this.#pending.length > 0;
  }

  /** Calls `opened` at once or once the peer allows it; `refused` when too many wait. Returns a way out of the line. */
  open(handler: BidiHandler, opened: (stream: BidiStream) => void, refused: (reason: Reason) => void): () => void {
    const stream = this.#pending.length === 0 ? this.#link.openBidi(PRIORITY_CONTROL, handler) : undefined;
    if (stream !== undefined) {
      opened(stream);
      return () => {};
    }
    if (this.#pending.length >= this.#limit) {
      this.#counters.boundsHit.pending_streams_per_session++;
      refused("limit");
      return () => {};
    }
    const pending = { handler, opened };
    this.#pending.push(pending);
    return () => {
      this.#pending = this.#pending.filter((other) => other !== pending);
    };
  }

  /** The peer may allow more streams now. */
  resume(): void {
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      const stream = this.#link.openBidi(PRIORITY_CONTROL, next.handler);
      if (stream === undefined) return;
      this.#pending.shift();
      next.opened(stream);
    }
  }
}
