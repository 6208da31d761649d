/** Lowest bits of stream ids (RFC 9000 section 2.1), so that both ends number without asking. */
const SERVER_BIT = 1;
const UNI_BIT = 2;
const KINDS = 4;

/** Streams of one kind that this end opens. */
export class OwnStreams {
  #limit: number;
  #open = 0;
  #nextId: number;
  /** One was refused since capacity was last told. */
  #wanted = false;

  /** `limit`: how many the peer lets be open at a time. */
  constructor(bidi: boolean, dialled: boolean, limit: number) {
    this.#limit = limit;
    this.#nextId = (bidi ? 0 : UNI_BIT) | (dialled ? 0 : SERVER_BIT);
  }

  /** The id of a new stream, or nothing at the limit. */
  open(): number | undefined {
    if (this.#open >= this.#limit) {
      this.#wanted = true;
      return undefined;
    }
    this.#open += 1;
    const id = this.#nextId;
    this.#nextId += KINDS;
    return id;
  }

  /** The peer lets more be open. */
  raise(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
  }

  ended(): void {
    this.#open -= 1;
  }

  /** True once after a refusal, as soon as there is room. */
  takeWanted(): boolean {
    if (!this.#wanted || this.#open >= this.#limit) return false;
    this.#wanted = false;
    return true;
  }
}
