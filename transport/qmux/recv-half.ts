import type { RecvHandler, RecvStream } from "../../moq/link.ts";
import type { SendHalf } from "./send-half.ts";

/** A receive window in bytes. It moves on as data is delivered to the program (RFC 9000 section 4.1). */
export class RecvWindow {
  readonly #size: number;
  #received = 0;
  #max: number;

  constructor(size: number) {
    this.#size = size;
    this.#max = size;
  }

  /** Bytes received so far. */
  get received(): number {
    return this.#received;
  }

  /** Counts received bytes; false when the peer has sent more than it may. */
  receive(bytes: number): boolean {
    if (this.#received + bytes > this.#max) return false;
    this.#received += bytes;
    return true;
  }

  /** All received bytes were delivered. Returns the new limit when half of the window is used up. */
  renew(): number | undefined {
    if (this.#max - this.#received > this.#size / 2) return undefined;
    this.#max = this.#received + this.#size;
    return this.#max;
  }
}

/** The link of a receive half. */
export interface RecvOwner {
  stopped(half: RecvHalf, code: number): void;
}

/** The receive half of a stream. */
export class RecvHalf implements RecvStream {
  readonly id: number;
  readonly window: RecvWindow;
  handler: RecvHandler | undefined;
  /** The program gets no more events: FIN or a reset was delivered, or it stopped the half. */
  ended = false;
  /** FIN or a reset arrived; no data may follow. */
  done = false;
  /** The other half of a bidirectional stream. */
  readonly sender: SendHalf | undefined;
  readonly #owner: RecvOwner;

  constructor(owner: RecvOwner, id: number, window: number, sender?: SendHalf) {
    this.#owner = owner;
    this.id = id;
    this.window = new RecvWindow(window);
    this.sender = sender;
  }

  /** The id on the wire; undefined before the first frame of a stream that this end opened. */
  get wireId(): number | undefined {
    return this.sender === undefined ? this.id : this.sender.wireId;
  }

  stop(code: number): void {
    if (this.ended) return;
    this.ended = true;
    this.#owner.stopped(this, code);
  }
}
