import type { FanOut, SendStream } from "../contract.ts";

/** Streams that get the same bytes. Each keeps a reference; nothing is copied here. */
export class StreamFanOut implements FanOut {
  readonly #streams = new Set<SendStream>();

  get size(): number {
    for (const stream of this.#streams) if (stream.ended) this.#streams.delete(stream);
    return this.#streams.size;
  }

  add(stream: SendStream): void {
    if (!stream.ended) this.#streams.add(stream);
  }

  remove(stream: SendStream): void {
    this.#streams.delete(stream);
  }

  write(bytes: Uint8Array): void {
    for (const stream of this.#streams) {
      if (stream.ended) this.#streams.delete(stream);
      else stream.write(bytes);
    }
  }

  finish(): void {
    for (const stream of this.#streams) stream.finish();
    this.#streams.clear();
  }

  reset(code: number): void {
    for (const stream of this.#streams) stream.reset(code);
    this.#streams.clear();
  }
}
