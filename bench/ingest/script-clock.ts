import type { Clock } from "../../moq/clock.ts";

interface Timer {
  readonly at: number;
  callback: (() => void) | undefined;
}

/** A clock that the script advances. */
export class ScriptClock implements Clock {
  #now = 0;
  /** The next one last. */
  readonly #timers: Timer[] = [];

  now(): number {
    return this.#now;
  }

  timer(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { at: this.#now + delayMs, callback };
    let place = this.#timers.length;
    while (place > 0 && (this.#timers[place - 1]?.at ?? 0) <= timer.at) place--;
    this.#timers.splice(place, 0, timer);
    return () => {
      timer.callback = undefined;
    };
  }

  soon(callback: () => void): void {
    queueMicrotask(callback);
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#timers.at(-1); next !== undefined && next.at <= until; next = this.#timers.at(-1)) {
      this.#timers.pop();
      this.#now = Math.max(this.#now, next.at);
      next.callback?.();
    }
    this.#now = until;
  }
}
