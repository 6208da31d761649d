import type { BidiHandler, LinkHandler } from "../link.ts";

/** One event of a stream: bytes, or its end. */
type Held = Uint8Array | ((handler: BidiHandler) => void);

/** Keeps the events of one stream until there is a session to handle them. */
export class HeldStream implements BidiHandler {
  readonly #open: (inner: LinkHandler) => BidiHandler;
  readonly #count: (bytes: number) => void;
  #held: Held[] = [];
  #inner: BidiHandler | undefined;

  /** `open` gives the stream to the session. `count` is called with the bytes that are kept. */
  constructor(open: (inner: LinkHandler) => BidiHandler, count: (bytes: number) => void) {
    this.#open = open;
    this.#count = count;
  }

  data(bytes: Uint8Array): void {
    if (this.#inner !== undefined) {
      this.#inner.data(bytes);
      return;
    }
    // A copy: `slice` of a Buffer would not be one.
    this.#held.push(new Uint8Array(bytes));
    this.#count(bytes.length);
  }

  marked(): void {
    this.#then((inner) => inner.marked?.());
  }

  unpassed(): void {
    this.#then((inner) => inner.unpassed?.());
  }

  fin(): void {
    this.#then((inner) => inner.fin());
  }

  reset(code: number): void {
    this.#then((inner) => inner.reset(code));
  }

  stop(code: number): void {
    this.#then((inner) => inner.stop(code));
  }

  /** Hands the stream and its events over to a session. */
  release(handler: LinkHandler): void {
    const inner = this.#open(handler);
    this.#inner = inner;
    for (const one of this.#held.splice(0)) {
      if (typeof one === "function") one(inner);
      else inner.data(one);
    }
  }

  #then(what: (inner: BidiHandler) => void): void {
    if (this.#inner === undefined) this.#held.push(what);
    else what(this.#inner);
  }
}
