import type { BidiStream } from "../../../link.ts";
import { READ, UNBOUNDED } from "../../../wire/codec/index.ts";
import {
  encodeMessage,
  isRequest,
  type Message,
  MessageReader,
  type Request,
  type StreamContext,
} from "../../../wire/ietf/index.ts";
import type { TurnHandler } from "../../intake.ts";
import { VirtualStream, type VirtualStreamOwner } from "./virtual-stream.ts";

/** The reset code of a stream that was refused for no fault of its request. */
const INTERNAL_ERROR = 0;

/** What a namespace stream needs of the multiplexer. */
export interface NamespaceStreams {
  requested(message: Request, stream: VirtualStream): void;
  pass(stream: VirtualStream, message: Message): void;
  addressed(stream: VirtualStream, message: Message): Message;
  forget(stream: VirtualStream): void;
  /** The first message of the stream is complete, or the stream is over. */
  headerComplete(stream: NamespaceStream): void;
  guard<T>(work: () => T): T | undefined;
  readonly tickets: { take(ticket: Uint8Array): Message };
}

/** A stream of SUBSCRIBE_NAMESPACE, which alone has one of its own in draft 16. */
export class NamespaceStream implements TurnHandler, VirtualStreamOwner {
  readonly #owner: NamespaceStreams;
  readonly #stream: BidiStream;
  readonly #fromPeer: StreamContext;
  readonly #reader: MessageReader;
  readonly #virtual: VirtualStream;
  #refused = false;

  constructor(owner: NamespaceStreams, fromPeer: StreamContext, stream: BidiStream) {
    this.#owner = owner;
    this.#stream = stream;
    this.#fromPeer = fromPeer;
    this.#reader = MessageReader.requests(fromPeer);
    this.#virtual = new VirtualStream(stream.id, false, this);
  }

  get queued(): number {
    return this.#stream.queued;
  }

  data(bytes: Uint8Array): Uint8Array {
    if (this.#refused) return READ;
    return this.#owner.guard(() => this.#reader.push(bytes, (message) => this.#receive(message), UNBOUNDED)) ?? READ;
  }

  fin(): void {
    this.#owner.headerComplete(this);
    this.#virtual.handler?.fin();
  }

  reset(code: number): void {
    this.#owner.headerComplete(this);
    this.#virtual.handler?.reset(code);
  }

  stop(code: number): void {
    this.#owner.headerComplete(this);
    this.#virtual.handler?.stop(code);
  }

  /** Ends the stream before its request is complete. */
  refuse(): void {
    this.#refused = true;
    this.aborted(this.#virtual, INTERNAL_ERROR);
  }

  write(stream: VirtualStream, ticket: Uint8Array): void {
    const message = this.#owner.addressed(stream, this.#owner.tickets.take(ticket));
    this.#stream.write(encodeMessage(message, this.#fromPeer.caps));
  }

  finished(stream: VirtualStream): void {
    this.#stream.finish();
    this.#owner.forget(stream);
  }

  aborted(stream: VirtualStream, code: number): void {
    this.#stream.reset(code);
    this.#stream.stop(code);
    this.#owner.forget(stream);
  }

  #receive(message: Message): void {
    if (isRequest(message.kind)) {
      this.#owner.headerComplete(this);
      this.#owner.requested(message as Request, this.#virtual);
    } else this.#owner.pass(this.#virtual, message);
  }
}

/** What the peer answers to our SUBSCRIBE_NAMESPACE. */
export class NamespaceAnswers implements TurnHandler {
  readonly #owner: Pick<NamespaceStreams, "pass" | "guard">;
  readonly #virtual: VirtualStream;
  readonly #reader: MessageReader;

  constructor(owner: Pick<NamespaceStreams, "pass" | "guard">, fromPeer: StreamContext, virtual: VirtualStream) {
    this.#owner = owner;
    this.#virtual = virtual;
    this.#reader = MessageReader.answers(fromPeer, "subscribeNamespace");
  }

  data(bytes: Uint8Array): Uint8Array {
    const read = () => this.#reader.push(bytes, (message) => this.#owner.pass(this.#virtual, message), UNBOUNDED);
    return this.#owner.guard(read) ?? READ;
  }

  fin(): void {
    this.#virtual.handler?.fin();
  }

  reset(code: number): void {
    this.#virtual.handler?.reset(code);
  }

  stop(code: number): void {
    this.#virtual.handler?.stop(code);
  }
}
