import type { BidiStream, RecvHandler, RecvStream } from "../contract.ts";
import type { SendHalf } from "./send-half.ts";

/** The receive half of a stream. */
export class RecvHalf implements RecvStream {
  readonly id: number;
  /** The other half of a bidirectional stream. */
  readonly sender: SendHalf | undefined;
  /** Gets the events; none when the program has stopped the half, or while its handler is not known. */
  handler: RecvHandler | undefined;
  /** FIN or a reset has come. */
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

/** Both halves of a bidirectional stream under one name. */
export class Bidi implements BidiStream {
  readonly id: number;
  readonly #send: SendHalf;
  readonly #recv: RecvHalf;

  constructor(send: SendHalf, recv: RecvHalf) {
    this.id = send.id;
    this.#send = send;
    this.#recv = recv;
  }

  get queued(): number {
    return this.#send.queued;
  }

  get ended(): boolean {
    return this.#send.ended;
  }

  write(bytes: Uint8Array): void {
    this.#send.write(bytes);
  }

  finish(): void {
    this.#send.finish();
  }

  reset(code: number): void {
    this.#send.reset(code);
  }

  setPriority(priority: number): void {
    this.#send.setPriority(priority);
  }

  stop(code: number): void {
    this.#recv.stop(code);
  }
}
