/** A relay that was busy is so no more when its fullness is lower by this. */
export const BUSY_MARGIN = 0.15;

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
    const other = this.#busy ? fullness < this.#mark - BUSY_MARGIN : this.#mark > 0 && fullness >= this.#mark;
    this.#since = other ? this.#since + 1 : 0;
    if (this.#since >= (this.#busy ? REPORTS_DOWN : REPORTS_UP)) {
      this.#busy = !this.#busy;
      this.#since = 0;
    }
    return this.#busy;
  }
}
