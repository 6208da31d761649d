/**
 * Reads a header: returns its length, or a negative number, which is minus the bytes that it has at least, where `end` cuts it off.
 * `from` is valid during the call.
 */
export type ParseHeader = (from: Uint8Array, at: number, end: number) => number;

/** The header whose bytes arrive in pieces. Only a header that is cut in two is copied. */
export class HeldHeader {
  readonly #parse: ParseHeader;
  #bytes = NOTHING;
  #held = 0;
  #needed = 0;

  constructor(parse: ParseHeader) {
    this.#parse = parse;
  }

  /** Bytes of an incomplete header are kept. */
  get begun(): boolean {
    return this.#held > 0;
  }

  /** Reads a header at `at`, or keeps its bytes so far. Returns the position after them. */
  read(bytes: Uint8Array, at: number): number {
    if (this.#held === 0) {
      const length = this.#parse(bytes, at, bytes.length);
      if (length > 0) return at + length;
      this.#needed = -length;
    }
    for (let next = at; ; ) {
      const take = Math.min(this.#needed - this.#held, bytes.length - next);
      this.#keep(bytes, next, take);
      next += take;
      if (this.#held < this.#needed) return next;
      const held = this.#held;
      this.#held = 0;
      const length = this.#parse(this.#bytes, 0, held);
      if (length > 0) {
        if (this.#bytes.length > LARGE) this.#bytes = NOTHING;
        return next;
      }
      this.#held = held;
      this.#needed = -length;
    }
  }

  #keep(bytes: Uint8Array, at: number, count: number): void {
    if (this.#held + count > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(SMALL, 2 * (this.#held + count)));
      larger.set(this.#bytes.subarray(0, this.#held));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes.subarray(at, at + count), this.#held);
    this.#held += count;
  }
}

const NOTHING = new Uint8Array(0);

/** Bytes of most headers. */
const SMALL = 32;

/** More memory than this is not kept for the next header. */
const LARGE = 1024;
