import type { BidiStream, RecvHandler, SendHandler, SendStream } from "../../moq/link.ts";
import type { Port } from "./port.ts";
import { STREAM_SLOT } from "./records.ts";

/** The link of a stream: whether it has ended, and the stream's events. */
export interface StreamLink {
  readonly ended: boolean;
  data(stream: NativeStream, bytes: Uint8Array): void;
  fin(stream: NativeStream): void;
  reset(stream: NativeStream, code: number): void;
  stop(stream: NativeStream, code: number): void;
}

/** A fan-out that a stream is in. */
export interface StreamFan {
  remove(stream: SendStream): void;
}

/** One stream, with one or both halves. The engine keeps the bytes; this object answers what needs no call. */
export class NativeStream implements BidiStream {
  readonly id: number;
  readonly link: StreamLink;
  /** The handlers; undefined for a half that the stream does not have. */
  recv: RecvHandler | undefined;
  send: SendHandler | undefined;
  /** The first fan-out that the stream is in, and its index there. {@link moreFans} has the others. */
  fan: StreamFan | undefined;
  fanAt = -1;
  moreFans: Map<StreamFan, number> | undefined;
  readonly #port: Port;
  /** FIN was asked for. */
  #finished = false;
  /** Reset, stopped, or ended in the engine: no bytes are queued. */
  #dropped = false;

  constructor(port: Port, link: StreamLink, id: number) {
    this.#port = port;
    this.link = link;
    this.id = id;
  }

  get queued(): number {
    return this.#dropped || this.link.ended ? 0 : (this.#port.native.queuedOfStreams[this.id & STREAM_SLOT] ?? 0);
  }

  get ended(): boolean {
    return this.#finished || this.#dropped || this.link.ended;
  }

  get acknowledged(): boolean {
    return this.#dropped || this.link.ended;
  }

  write(bytes: Uint8Array): void {
    if (this.#finished || this.#dropped || this.link.ended) return;
    this.#port.native.write(this.id, bytes);
    this.#port.touch();
  }

  finish(): void {
    if (this.ended) return;
    this.#port.native.finish(this.id);
    this.#port.touch();
    this.finished();
  }

  /** Also ends a finished half that still has queued bytes. */
  reset(code: number): void {
    if (this.#dropped || this.link.ended) return;
    this.#port.native.reset(this.id, code);
    this.#port.touch();
    this.dropped();
  }

  setPriority(priority: number): void {
    if (this.#dropped || this.link.ended) return;
    this.#port.native.setPriority(this.id, priority);
    this.#port.touch();
  }

  stop(code: number): void {
    if (this.recv === undefined || this.link.ended) return;
    this.recv = undefined;
    this.#port.native.stop(this.id, code);
    this.#port.touch();
  }

  /** FIN was sent; the handler gets no `stop` any more. */
  finished(): void {
    this.#finished = true;
    this.send = undefined;
    this.#leave();
  }

  /** The send half has ended, and none of its bytes are queued. */
  dropped(): void {
    this.#dropped = true;
    this.send = undefined;
    this.#leave();
  }

  /** The stream has ended in the engine. */
  gone(): void {
    this.recv = undefined;
    this.dropped();
  }

  #leave(): void {
    this.fan?.remove(this);
    if (this.moreFans === undefined) return;
    for (const fan of [...this.moreFans.keys()]) fan.remove(this);
  }
}
