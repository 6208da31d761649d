import { type Allowance, MESSAGE_UNITS, ProtocolViolation, READ, UNBOUNDED } from "../codec/index.ts";
import { newCursor, newInbox } from "./codec.ts";
import { MESSAGE_UNIT_BITS } from "./limits.ts";
import { type Message, readMessage } from "./message.ts";
import { MessageOrder, type StreamContext } from "./order.ts";
import type { RequestKind } from "./parameter-scopes.ts";
import { type MessageType, messageType, SETUP } from "./types.ts";

/** Reads the messages of one direction of a control or request stream, and which of them may follow each other. */
export class MessageReader {
  readonly #stream: StreamContext;
  readonly #order: MessageOrder;
  readonly #inbox;
  /** The message whose body is incomplete. */
  #type: MessageType | undefined;
  #length: number | undefined;
  /** Of the body that was read last. */
  #lastLength = 0;

  private constructor(stream: StreamContext, order: MessageOrder) {
    this.#stream = stream;
    this.#order = order;
    this.#inbox = newInbox(stream.caps);
  }

  /**
   * Of the peer's control stream. Where each side has one, the stream type, which is that of SETUP, has been read. Before draft 17 it is the
   * bidirectional stream that the client has opened.
   */
  static control(stream: StreamContext): MessageReader {
    const reader = new MessageReader(stream, new MessageOrder(stream, "control"));
    if (stream.caps.requestStreams) reader.#type = messageType(SETUP, stream.caps);
    return reader;
  }

  /** Of a bidirectional stream that the peer opened: a request and what follows it, or the control stream before draft 17. */
  static requests(stream: StreamContext): MessageReader {
    return new MessageReader(stream, new MessageOrder(stream, "opener"));
  }

  /** Of a bidirectional stream that this side opened with `request`: the answer, and what follows it. */
  static answers(stream: StreamContext, request: RequestKind): MessageReader {
    return new MessageReader(stream, new MessageOrder(stream, "answerer", request));
  }

  /** The kind of request that the stream is for, once it is known. */
  get request(): RequestKind | undefined {
    return this.#order.request;
  }

  /** Calls `sink` with each message that `bytes` complete. Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, sink: (message: Message) => void, allowance: Allowance = UNBOUNDED): Uint8Array {
    this.#inbox.push(bytes);
    try {
      while (allowance.left > 0 || allowance.more()) {
        const message = this.#next();
        if (message === undefined) return READ;
        allowance.left -= MESSAGE_UNITS + (this.#lastLength >> MESSAGE_UNIT_BITS);
        sink(message);
      }
      return this.#inbox.take(this.#inbox.left) ?? READ;
    } finally {
      this.#inbox.keep();
    }
  }

  /** The stream has ended, which is a violation inside a message and on a control stream. False when there was no message. */
  finish(): boolean {
    if (this.#inbox.left > 0 || this.#type !== undefined) {
      throw new ProtocolViolation(this.#type?.name ?? "Control Messages", "stream ends inside a message");
    }
    if (this.#order.isControl) throw new ProtocolViolation("Session initialization", "control stream ends");
    return this.#order.count > 0;
  }

  #next(): Message | undefined {
    this.#type ??= this.#nextType();
    if (this.#type === undefined) return undefined;
    if (this.#length === undefined) {
      const length = this.#inbox.take(2);
      if (length === undefined) return undefined;
      this.#length = ((length[0] ?? 0) << 8) | (length[1] ?? 0);
    }
    const body = this.#inbox.take(this.#length);
    if (body === undefined) return undefined;
    const type = this.#type;
    this.#lastLength = this.#length;
    this.#type = undefined;
    this.#length = undefined;
    const cursor = newCursor(body, type.name, this.#stream.caps);
    const message = readMessage(type.kind, cursor, this.#order.context(type));
    cursor.end();
    this.#order.note(message.kind);
    return message;
  }

  /** The next type, once it is here. One that is unknown, or that must not come now, is a violation before its body is read. */
  #nextType(): MessageType | undefined {
    const number = this.#inbox.varint();
    if (number === undefined) return undefined;
    const type = messageType(number, this.#stream.caps);
    if (type === undefined) throw new ProtocolViolation("Control Messages", "unknown message type");
    if (!this.#order.allows(type)) throw new ProtocolViolation(type.name, "not allowed here");
    return type;
  }
}
