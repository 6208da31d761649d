import type { Clock } from "../../moq/clock.ts";

/** Milliseconds between two looks. Clients that come back do so earlier. */
const LOOK_MS = 10_000;

/** Sessions that must have ended, of some 100 KiB each: below this there is little to return. */
const LEAST_ENDED = 250;

/** Share of the sessions that may be left. */
const MOST_LEFT = 1 / 2;

export interface SpareMemoryDeps {
  readonly clock: Clock;
  /** Open sessions. */
  readonly sessions: () => number;
  /** Returns free memory to the system. */
  readonly release: () => void;
}

/**
 * Returns memory to the system after most sessions have ended, as after a storm. The allocator would keep it, and the process would look as large as it
 * ever was. Two looks in a row must find few sessions.
 */
export class SpareMemory {
  readonly #deps: SpareMemoryDeps;
  /** Most sessions since memory was returned. */
  #most = 0;
  #few = false;
  #cancel = () => {};

  constructor(deps: SpareMemoryDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#cancel = this.#deps.clock.timer(LOOK_MS, () => {
      this.#look();
      this.start();
    });
  }

  close(): void {
    this.#cancel();
  }

  #look(): void {
    const sessions = this.#deps.sessions();
    this.#most = Math.max(this.#most, sessions);
    const few = this.#most - sessions >= LEAST_ENDED && sessions <= this.#most * MOST_LEFT;
    if (few && this.#few) {
      this.#most = sessions;
      this.#few = false;
      this.#deps.release();
    } else this.#few = few;
  }
}
