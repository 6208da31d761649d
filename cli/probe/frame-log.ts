import { Spread } from "../spread.ts";

/** The frames of one measurement that one watched relay delivered. */
export class FrameLog {
  readonly delay = new Spread();
  duplicates = 0;
  damaged = 0;
  received = 0;
  #from = Number.POSITIVE_INFINITY;
  #seen = new Uint8Array(0);

  /** Frames count from number `from` on; there may be `most`. */
  begin(from: number, most: number): void {
    this.#from = from;
    this.#seen = new Uint8Array(most);
  }

  /** A whole frame arrived, `delayMs` after it was sent. Those from before the measurement do not count. */
  take(number: number, delayMs: number): void {
    const at = number - this.#from;
    if (at < 0 || at >= this.#seen.length) return;
    if (this.#seen[at] === 1) {
      this.duplicates++;
      return;
    }
    this.#seen[at] = 1;
    this.received++;
    this.delay.add(delayMs);
  }
}
