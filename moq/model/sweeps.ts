import type { Clock } from "../clock.ts";

/** Milliseconds from a new group until older groups of its track are judged: frames that left together with it get through. */
const DELAY_MS = 100;

/** Shortest milliseconds between two rounds. Tracks whose groups began within it are swept together, because each timer wakes the process. */
const STEP_MS = 25;

interface Swept {
  sweep(): void;
}

/** The tracks that have a new group, each to be swept once, 100 to 125 ms later. One timer serves all of them. */
export class Sweeps {
  readonly #clock: Clock;
  /** When each is due; the next one first. */
  readonly #due = new Map<Swept, number>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does nothing for a track that waits already. */
  add(track: Swept): void {
    if (this.#due.has(track)) return;
    this.#due.set(track, this.#clock.now() + DELAY_MS);
    this.#cancel ??= this.#clock.timer(DELAY_MS, this.#round);
  }

  delete(track: Swept): void {
    if (!this.#due.delete(track) || this.#due.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  readonly #round = (): void => {
    const now = this.#clock.now();
    try {
      for (const [track, due] of this.#due) {
        if (due > now) break;
        this.#due.delete(track);
        track.sweep();
      }
    } finally {
      this.#cancel?.();
      const [next] = this.#due.values();
      this.#cancel = next === undefined ? undefined : this.#clock.timer(Math.max(STEP_MS, next - now), this.#round);
    }
  };
}
