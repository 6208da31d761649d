/** A set of frame numbers that lie less than its capacity apart. */
export class Seen {
  readonly #bits: Uint32Array;
  readonly #mask: number;
  #count = 0;

  /** `frames`: how many consecutive numbers it must distinguish. */
  constructor(frames: number) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(32, frames)));
    this.#mask = capacity - 1;
    this.#bits = new Uint32Array(capacity / 32);
  }

  /** Different numbers marked. */
  get count(): number {
    return this.#count;
  }

  /** False when the number was already marked. */
  mark(frame: number): boolean {
    const at = frame & this.#mask;
    const word = at >>> 5;
    const bit = 1 << (at & 31);
    const before = this.#bits[word] ?? 0;
    if ((before & bit) !== 0) return false;
    this.#bits[word] = before | bit;
    this.#count++;
    return true;
  }
}
