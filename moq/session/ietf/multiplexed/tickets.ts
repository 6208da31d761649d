import { type Allowance, MESSAGE_UNITS, READ } from "../../../wire/codec/index.ts";
import { isRequest, type Message, type RequestKind } from "../../../wire/ietf/index.ts";
import type { MessageCodec, MessageSource } from "../message-codec.ts";

/** Bytes of a ticket. */
const SIZE = 4;

/**
 * Messages that pass between the shared control stream and virtual request streams. There they need no encoding: the bytes of a virtual
 * stream are tickets, each of which stands for one message.
 */
export class Tickets implements MessageCodec {
  readonly #messages = new Map<number, Message>();
  #next = 0;

  encode(message: Message): Uint8Array {
    this.#next = (this.#next + 1) >>> 0;
    this.#messages.set(this.#next, message);
    const ticket = new Uint8Array(SIZE);
    new DataView(ticket.buffer).setUint32(0, this.#next);
    return ticket;
  }

  /** The message of the ticket at `at`, which is used up. */
  take(bytes: Uint8Array, at = 0): Message {
    const id = new DataView(bytes.buffer, bytes.byteOffset + at, SIZE).getUint32(0);
    const message = this.#messages.get(id);
    if (message === undefined) throw new Error("a ticket without a message");
    this.#messages.delete(id);
    return message;
  }

  requests(): MessageSource {
    return new TicketReader(this, undefined);
  }

  answers(request: RequestKind): MessageSource {
    return new TicketReader(this, request);
  }
}

class TicketReader implements MessageSource {
  readonly #tickets: Tickets;
  #request: RequestKind | undefined;
  #count = 0;

  constructor(tickets: Tickets, request: RequestKind | undefined) {
    this.#tickets = tickets;
    this.#request = request;
  }

  get request(): RequestKind | undefined {
    return this.#request;
  }

  push(bytes: Uint8Array, sink: (message: Message) => void, allowance: Allowance): Uint8Array {
    for (let at = 0; at < bytes.length; at += SIZE) {
      if (allowance.left <= 0 && !allowance.more()) return bytes.subarray(at);
      allowance.left -= MESSAGE_UNITS;
      const message = this.#tickets.take(bytes, at);
      this.#count++;
      if (this.#request === undefined && isRequest(message.kind)) this.#request = message.kind;
      sink(message);
    }
    return READ;
  }

  finish(): boolean {
    return this.#count > 0;
  }
}
