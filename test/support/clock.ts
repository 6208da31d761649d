import type { Clock } from "../../relay/clock.ts";

/** A clock that only moves when it is told to. */
export class ManualClock implements Clock {
  #now = 0;
  #next = 0;
  readonly #timers = new Map<number, { at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  get pending(): number {
    return this.#timers.size;
  }

  timer(delayMs: number, callback: () => void): () => void {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + Math.max(0, delayMs), callback });
    return () => void this.#timers.delete(id);
  }

  /** Moves on by `ms`, running what falls due on the way in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      let first: { id: number; at: number } | undefined;
      for (const [id, { at }] of this.#timers) {
        if (at <= until && (first === undefined || at < first.at)) first = { id, at };
      }
      if (first === undefined) break;
      const timer = this.#timers.get(first.id);
      this.#timers.delete(first.id);
      this.#now = first.at;
      timer?.callback();
    }
    this.#now = until;
  }
}
