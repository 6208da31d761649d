import type { FanOut, SendStream } from "../contract.ts";

/** Streams that get the same bytes, each by reference. One that has ended is left out when the set is next looked at. */
export class StreamSet implements FanOut {
  readonly #streams = new Set<SendStream>();

  get size(): number {
    this.#prune();
    return this.#streams.size;
  }

  add(stream: SendStream): void {
    if (!stream.ended) this.#streams.add(stream);
  }

  remove(stream: SendStream): void {
    this.#streams.delete(stream);
  }

  write(bytes: Uint8Array): void {
    this.#prune();
    for (const stream of this.#streams) stream.write(bytes);
  }

  finish(): void {
    for (const stream of this.#streams) stream.finish();
    this.#streams.clear();
  }

  reset(code: number): void {
    for (const stream of this.#streams) stream.reset(code);
    this.#streams.clear();
  }

  #prune(): void {
    for (const stream of this.#streams) if (stream.ended) this.#streams.delete(stream);
  }
}
