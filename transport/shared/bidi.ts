import type { BidiStream, RecvStream, SendStream } from "../../moq/link.ts";

/** A bidirectional stream of two halves, with the id of the send half. */
export class Bidi implements BidiStream {
  readonly id: number;
  readonly #send: SendStream;
  readonly #recv: RecvStream;

  constructor(send: SendStream, recv: RecvStream) {
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
