/** What the relay does for want of memory, each with all before it, in this order. */
export const MEMORY_LEVELS = ["normal", "cache", "sessions", "viewers"] as const;
export type MemoryLevelName = (typeof MEMORY_LEVELS)[number];

/** Shares of the memory at which a level begins. */
const ENTER: Readonly<Record<MemoryLevelName, number>> = { normal: 0, cache: 0.8, sessions: 0.87, viewers: 0.93 };

/** A level ends when the share is this much below the one at which it began. */
const HYSTERESIS = 0.04;

/** Readings in a row below that share. */
const QUIET_READINGS = 4;

/** The share below which memory counts as plenty: shedding aims at it. */
export const ENOUGH = ENTER.cache - HYSTERESIS;

/**
 * The level of a process by how much of its memory it uses. It rises by at most one level with each reading, so that what a level frees
 * counts before the next one begins, and falls one level at a time. It reads no clock.
 */
export class MemoryLevel {
  #level = 0;
  #quiet = 0;

  get name(): MemoryLevelName {
    return MEMORY_LEVELS[this.#level] ?? "normal";
  }

  /** 0 for `normal`. */
  get number(): number {
    return this.#level;
  }

  /** True when the relay does what `name` says. */
  has(name: MemoryLevelName): boolean {
    return this.#level >= MEMORY_LEVELS.indexOf(name);
  }

  /** Adds a reading: the used share, 0 to 1. True when the level has changed. */
  add(share: number): boolean {
    const next = MEMORY_LEVELS[this.#level + 1];
    if (next !== undefined && share >= ENTER[next]) {
      this.#level += 1;
      this.#quiet = 0;
      return true;
    }
    if (this.#level === 0 || share >= ENTER[this.name] - HYSTERESIS) {
      this.#quiet = 0;
      return false;
    }
    this.#quiet += 1;
    if (this.#quiet < QUIET_READINGS) return false;
    this.#level -= 1;
    this.#quiet = 0;
    return true;
  }
}
