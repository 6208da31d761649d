import type { RecvHandler, RecvStream } from "../../moq/link.ts";
import type { SendHalf } from "./send-half.ts";

/** The receive half of a stream. */
export class RecvHalf implements RecvStream {
  readonly id: number;
  /** The other half of a bidirectional stream. */
  readonly sender: SendHalf | undefined;
  /** Gets the events. Undefined when the program has stopped the half, or has not given a handler yet. */
  handler: RecvHandler | undefined;
  /** FIN or a reset arrived. */
  done = false;
  #stopped = false;
  readonly #stop: (half: RecvHalf, code: number) => void;

  constructor(id: number, sender: SendHalf | undefined, stop: (half: RecvHalf, code: number) => void) {
    this.id = id;
    this.sender = sender;
    this.#stop = stop;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  stop(code: number): void {
    if (this.#stopped || this.done) return;
    this.#stopped = true;
    this.handler = undefined;
    this.#stop(this, code);
  }
}
