import type { RecvHandler, RecvStream } from "../../moq/link.ts";
import { codeIn, MAX_STREAM_CODE } from "./send-half.ts";

/** The receive half of a stream: reads until the end and calls the handler. */
export class RecvHalf implements RecvStream {
  readonly id: number;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #stopCode: number | undefined;
  #over = false;

  constructor(id: number) {
    this.id = id;
  }

  /** `guard` runs a handler and ends the link if the handler throws. */
  read(
    readable: ReadableStream<Uint8Array>,
    handler: RecvHandler,
    guard: (work: () => void) => void,
    taken: (bytes: number) => void,
  ): void {
    const reader = readable.getReader();
    this.#reader = reader;
    if (this.#stopCode !== undefined) this.#cancel(this.#stopCode);
    else void this.#run(reader, handler, guard, taken);
  }

  stop(code: number): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#reader === undefined) this.#stopCode = code;
    else this.#cancel(code);
  }

  /** The link has ended. */
  end(): void {
    this.#over = true;
  }

  async #run(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    handler: RecvHandler,
    guard: (work: () => void) => void,
    taken: (bytes: number) => void,
  ): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (this.#over) return;
        if (done) break;
        taken(value.length);
        if (value.length > 0) guard(() => handler.data(value));
      }
      this.#over = true;
      guard(() => handler.fin());
    } catch (error) {
      const code = codeIn(error, "Resetstream");
      if (this.#over || code === undefined) return;
      this.#over = true;
      guard(() => handler.reset(code));
    }
  }

  #cancel(code: number): void {
    // It settles only when the peer ends its half, which may never happen.
    this.#reader?.cancel({ code: Math.min(code, MAX_STREAM_CODE) }).catch(() => {});
  }
}
