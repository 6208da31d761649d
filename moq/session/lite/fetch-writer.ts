import type { BidiStream } from "../../link.ts";
import type { FetchedObject, FetchGap, FetchReader, Location } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { FetchedObjectEncoder } from "../../wire/lite/index.ts";
import type { LiteContext } from "./context.ts";

/** Writes the answer to a FETCH of the mesh wire: objects and gaps. */
export class ObjectFetchWriter implements FetchReader {
  readonly #context: LiteContext;
  readonly #stream: BidiStream;
  readonly #encoder = new FetchedObjectEncoder();
  /** The header of an object whose first byte has not come: it is written together with it. */
  #header: Uint8Array | undefined;

  constructor(context: LiteContext, stream: BidiStream) {
    this.#context = context;
    this.#stream = stream;
  }

  get queued(): number {
    return this.#stream.queued;
  }

  object(object: FetchedObject): void {
    const header = this.#encoder.object(object);
    if (object.size > 0) this.#header = header;
    else this.#stream.write(header);
  }

  payload(bytes: Uint8Array): void {
    const header = this.#header;
    this.#header = undefined;
    // The engine may keep what is written, and the bytes are valid during the call.
    const copy = new Uint8Array((header?.length ?? 0) + bytes.length);
    if (header !== undefined) copy.set(header);
    copy.set(bytes, header?.length ?? 0);
    this.#stream.write(copy);
  }

  end(): void {}

  gap(kind: FetchGap, end: Location): void {
    this.#stream.write(this.#encoder.gap(kind, end));
  }

  finish(): void {
    this.#stream.finish();
  }

  reset(reason: Reason): void {
    this.#stream.reset(this.#context.session.codes.codeOf(reason));
  }

  /** The session cancels the fetch when the peer stops the stream. */
  onStop(): void {}
}
