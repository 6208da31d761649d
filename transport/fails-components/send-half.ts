import type { SendHandler, SendStream } from "../../moq/link.ts";
import type { W3cSend } from "./package.ts";

/** Largest stream code that the package supports. */
export const MAX_STREAM_CODE = 255;

/** The link of a send half. */
export interface SendOwner {
  /** The queued bytes changed by this much. */
  queued(bytes: number): void;
  /** The package has accepted this many bytes. */
  sent(bytes: number): void;
  /** The half has ended. */
  done(half: SendHalf): void;
}

/** The send half of a stream. Bytes that the package has not accepted wait here, so that a reset can drop them. */
export class SendHalf implements SendStream {
  readonly id: number;
  readonly #owner: SendOwner;
  /** Set before the first event. */
  handler: SendHandler = { stop: () => {} };
  #chunks: Uint8Array[] = [];
  #queued = 0;
  #priority: number;
  #stream: W3cSend | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #pumping = false;
  #finished = false;
  /** Reset, stopped, or the link has ended. */
  #dropped = false;
  #over = false;
  #resetCode: number | undefined;

  constructor(owner: SendOwner, id: number, priority: number) {
    this.#owner = owner;
    this.id = id;
    this.#priority = priority;
  }

  get queued(): number {
    return this.#queued;
  }

  get ended(): boolean {
    return this.#finished || this.#dropped;
  }

  /** The package has opened the stream. */
  open(stream: W3cSend): void {
    this.#stream = stream;
    stream.sendOrder = this.#priority;
    const writer = stream.getWriter();
    this.#writer = writer;
    // This also reports STOP_SENDING while nothing is written.
    writer.closed.catch((error: unknown) => this.#failed(error));
    if (this.#resetCode !== undefined) this.#abort(this.#resetCode);
    else this.#pump();
  }

  write(bytes: Uint8Array): void {
    if (this.ended || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#count(bytes.length);
    this.#pump();
  }

  finish(): void {
    if (this.ended) return;
    this.#finished = true;
    this.#pump();
  }

  reset(code: number): void {
    if (this.#dropped || this.#over) return;
    this.drop();
    if (this.#writer === undefined) this.#resetCode = code;
    else this.#abort(code);
  }

  setPriority(priority: number): void {
    this.#priority = priority;
    if (this.#stream !== undefined && !this.ended) this.#stream.sendOrder = priority;
  }

  /** Drops the queued bytes. */
  drop(): void {
    this.#dropped = true;
    this.#chunks = [];
    this.#count(-this.#queued);
  }

  #count(bytes: number): void {
    if (bytes === 0) return;
    this.#queued += bytes;
    this.#owner.queued(bytes);
  }

  #pump(): void {
    if (this.#pumping || this.#writer === undefined) return;
    this.#pumping = true;
    void this.#run(this.#writer).finally(() => {
      this.#pumping = false;
    });
  }

  async #run(writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
    try {
      for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift()) {
        await writer.write(chunk);
        this.#owner.sent(chunk.length);
        if (!this.#dropped) this.#count(-chunk.length);
      }
      if (!this.#finished || this.#dropped) return;
      await writer.close();
      this.#end();
    } catch (error) {
      this.#failed(error);
    }
  }

  #abort(code: number): void {
    // The package reads the code from a property of the reason.
    const aborted = this.#writer?.abort({ code: Math.min(code, MAX_STREAM_CODE) });
    void aborted?.catch(() => {}).finally(() => this.#end());
  }

  #failed(error: unknown): void {
    if (this.#over) return;
    const overBefore = this.#finished || this.#dropped;
    const code = codeIn(error, "StopSending");
    if (!this.#dropped) this.drop();
    this.#end();
    if (!overBefore && code !== undefined) this.handler.stop(code);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.done(this);
  }
}

/** The code of a package's error, which has it only in its text. */
export function codeIn(error: unknown, what: "StopSending" | "Resetstream"): number | undefined {
  const text = error instanceof Error ? error.message : "";
  const code = new RegExp(`${what} with code:(\\d+)`).exec(text)?.[1];
  return code === undefined ? undefined : Number(code);
}
