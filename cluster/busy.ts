/** A relay that was busy is so no more when its fullness is lower by this, and at half of a mark that is low. */
const BUSY_MARGIN = 0.15;

/** Fullness below which a relay has room. `mark`: fullness from which on it is busy. */
export function roomBelow(mark: number): number {
  return Math.max(mark - BUSY_MARGIN, mark / 2);
}

/** Reports in a row above the mark before a relay counts as busy, and below the lower mark before it does not. */
const REPORTS_UP = 2;
const REPORTS_DOWN = 3;

/**
 * Whether a relay is near its bounds, from its fullness at each report: 1 is full. It changes slowly, so that a short peak sends no relay
 * elsewhere, and a relay at the mark does not change back and forth.
 */
export class Busy {
  readonly #mark: number;
  #since = 0;
  #busy = false;

  /** `mark`: fullness from which on a relay is busy; 0: it never is. */
  constructor(mark: number) {
    this.#mark = mark;
  }

  get busy(): boolean {
    return this.#busy;
  }

  next(fullness: number): boolean {
    const other = this.#busy ? fullness < roomBelow(this.#mark) : this.#mark > 0 && fullness >= this.#mark;
    this.#since = other ? this.#since + 1 : 0;
    if (this.#since >= (this.#busy ? REPORTS_DOWN : REPORTS_UP)) {
      this.#busy = !this.#busy;
      this.#since = 0;
    }
    return this.#busy;
  }
}
