import type { BidiStream } from "../../link.ts";
import type { FetchedObject, FetchGap, FetchReader } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { frameHeaders } from "../../wire/lite/index.ts";
import type { LiteContext } from "./context.ts";

/**
 * Writes the answer to a FETCH of some frames of a group: bare frames (moq-lite Fetch). Nothing says where they begin, so an answer that lacks
 * some of them is reset.
 */
export class FrameFetchWriter implements FetchReader {
  readonly #context: LiteContext;
  readonly #stream: BidiStream;
  /** The frame that must come first; absent once it has come. */
  #first: number | undefined;
  readonly #headerOf;
  /** Of the last frame. */
  #timestamp = 0;
  /** The header of a frame whose first byte has not come: it is written together with it. */
  #header: Uint8Array | undefined;
  #over = false;

  constructor(context: LiteContext, stream: BidiStream, first: number) {
    this.#context = context;
    this.#stream = stream;
    this.#first = first;
    this.#headerOf = frameHeaders(context.caps);
  }

  get queued(): number {
    return this.#stream.queued;
  }

  object({ object, size, status, timestamp = this.#timestamp }: FetchedObject): void {
    if (this.#over || status !== undefined) return;
    if (this.#first !== undefined && object !== this.#first) {
      this.reset("not_found");
      return;
    }
    this.#first = undefined;
    const header = this.#headerOf(size, timestamp - this.#timestamp).slice();
    this.#timestamp = timestamp;
    if (size > 0) this.#header = header;
    else this.#stream.write(header);
  }

  payload(bytes: Uint8Array): void {
    if (this.#over) return;
    const header = this.#header;
    this.#header = undefined;
    // The engine may keep what is written, and the bytes are valid during the call.
    const copy = new Uint8Array((header?.length ?? 0) + bytes.length);
    if (header !== undefined) copy.set(header);
    copy.set(bytes, header?.length ?? 0);
    this.#stream.write(copy);
  }

  end(): void {}

  gap(kind: FetchGap): void {
    if (kind !== "nonexistent") this.reset(kind === "timed_out" ? "timeout" : "not_found");
  }

  finish(): void {
    if (!this.#over) this.#stream.finish();
  }

  reset(reason: Reason): void {
    this.#over = true;
    this.#stream.reset(this.#context.session.codes.codeOf(reason));
  }

  /** The session cancels the fetch when the peer stops the stream. */
  onStop(): void {}
}
