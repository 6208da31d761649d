import type { Clock } from "../../moq/clock.ts";

/** What a track waits for; each runs once at a time. */
type Wait = "give_up" | "retry" | "move" | "doubt" | "silence" | "overlap" | "conclusion";

/** The waits of one track. */
export class TrackTimers {
  readonly #clock: Clock;
  readonly #running = new Map<Wait, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does nothing where the wait is running. */
  begin(wait: Wait, ms: number, callback: () => void): void {
    if (!this.#running.has(wait)) this.restart(wait, ms, callback);
  }

  restart(wait: Wait, ms: number, callback: () => void): void {
    this.cancel(wait);
    const over = () => {
      this.#running.delete(wait);
      callback();
    };
    this.#running.set(wait, this.#clock.timer(ms, over));
  }

  cancel(wait: Wait): void {
    this.#running.get(wait)?.();
    this.#running.delete(wait);
  }

  cancelAll(): void {
    for (const cancel of this.#running.values()) cancel();
    this.#running.clear();
  }
}
