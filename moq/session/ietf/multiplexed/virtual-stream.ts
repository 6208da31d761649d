import type { BidiHandler, BidiStream } from "../../../link.ts";
import type { Namespace, RequestKind } from "../../../wire/ietf/index.ts";

/** What a virtual stream does on the shared control stream. */
export interface VirtualStreamOwner {
  /** Bytes queued there. */
  readonly queued: number;
  /** A ticket is written. */
  write(stream: VirtualStream, ticket: Uint8Array): void;
  /** This end has finished its half. */
  finished(stream: VirtualStream): void;
  /** This end gives the request up. Once. */
  aborted(stream: VirtualStream, code: number): void;
}

/** One request on the shared control stream, as if it had a stream of its own. */
export class VirtualStream implements BidiStream {
  readonly id: number;
  /** This end asked. */
  readonly own: boolean;
  /** Gets what the peer says of it. */
  handler: BidiHandler | undefined;
  /** Known with the request itself. */
  kind: RequestKind | undefined;
  requestId: number | undefined;
  /** Of a request about a namespace. */
  namespace: Namespace | undefined;
  /** The stream that carries the request, where it has one of its own. */
  real: BidiStream | undefined;
  /** Updates of the peer that are not answered, by their own ids. */
  readonly updates: number[] = [];
  /** The request was answered. */
  answered = false;
  /** The last message was sent or received. */
  over = false;
  readonly #owner: VirtualStreamOwner;
  #ended = false;
  #aborted = false;

  constructor(id: number, own: boolean, owner: VirtualStreamOwner) {
    this.id = id;
    this.own = own;
    this.#owner = owner;
  }

  get queued(): number {
    return this.#ended ? 0 : this.#owner.queued;
  }

  get ended(): boolean {
    return this.#ended;
  }

  write(ticket: Uint8Array): void {
    if (!this.#ended) this.#owner.write(this, ticket);
  }

  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.finished(this);
  }

  reset(code: number): void {
    this.#ended = true;
    this.#abort(code);
  }

  stop(code: number): void {
    this.#abort(code);
  }

  /** All control messages have one priority. */
  setPriority(): void {}

  #abort(code: number): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#owner.aborted(this, code);
  }
}
