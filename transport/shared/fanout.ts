import type { FanOut, SendStream } from "../../moq/link.ts";

/**
 * A fan-out for engines without one of their own: it calls each stream, in the order in which they were added. The
 * streams share the bytes, and a write allocates nothing here.
 */
export class JsFanOut implements FanOut {
  readonly #streams = new Set<SendStream>();
  /** The bytes that {@link #writeTo} writes; empty between writes, so that no frame is kept in memory. */
  #bytes: Uint8Array = NOTHING;

  /** Streams that have not ended. */
  get size(): number {
    this.#streams.forEach(this.#drop);
    return this.#streams.size;
  }

  /** Ignores a stream that is in the set already or has ended. */
  add(stream: SendStream): void {
    if (!stream.ended) this.#streams.add(stream);
  }

  remove(stream: SendStream): void {
    this.#streams.delete(stream);
  }

  write(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#streams.forEach(this.#writeTo);
    this.#bytes = NOTHING;
  }

  finish(): void {
    for (const stream of this.#streams) stream.finish();
    this.#streams.clear();
  }

  reset(code: number): void {
    for (const stream of this.#streams) stream.reset(code);
    this.#streams.clear();
  }

  // Created once for each set: an iterator or a closure for each write would be garbage at frame rate.
  readonly #writeTo = (stream: SendStream): void => {
    if (stream.ended) this.#streams.delete(stream);
    else stream.write(this.#bytes);
  };

  readonly #drop = (stream: SendStream): void => {
    if (stream.ended) this.#streams.delete(stream);
  };
}

const NOTHING = new Uint8Array(0);
