import { type Allowance, MESSAGE_UNITS, ProtocolViolation, READ, UNBOUNDED } from "../codec/index.ts";
import { newCursor, newInbox } from "./codec.ts";
import type { ReadContext } from "./context.ts";
import { type Message, readMessage } from "./message.ts";
import type { RequestKind } from "./parameter-scopes.ts";
import { isRequest, type MessageKind, type MessageType, messageType, SETUP } from "./types.ts";

/** What a reader knows of its stream before the first message. */
export type StreamContext = Pick<ReadContext, "caps" | "from" | "uriBound">;

/** Messages that the side which opened a request may send after it. */
const FROM_OPENER: Readonly<Record<RequestKind, readonly MessageKind[]>> = {
  subscribe: ["requestUpdate"],
  publish: ["requestUpdate", "requestOk", "requestError", "publishDone", "publishState"],
  fetch: ["requestUpdate"],
  trackStatus: [],
  publishNamespace: ["requestUpdate"],
  subscribeNamespace: ["requestUpdate"],
  subscribeTracks: ["requestUpdate"],
};

/** The positive answer to a request. */
const ANSWERS: Readonly<Record<RequestKind, MessageKind>> = {
  subscribe: "subscribeOk",
  publish: "requestOk",
  fetch: "fetchOk",
  trackStatus: "requestOk",
  publishNamespace: "requestOk",
  subscribeNamespace: "requestOk",
  subscribeTracks: "requestOk",
};

/** Messages that the other side may send after its answer, besides answers to updates. */
const AFTER_ANSWER: Readonly<Record<RequestKind, readonly MessageKind[]>> = {
  subscribe: ["publishDone", "publishState"],
  publish: ["requestUpdate"],
  fetch: [],
  trackStatus: [],
  publishNamespace: [],
  subscribeNamespace: ["namespace", "namespaceDone"],
  subscribeTracks: ["publishSkipped"],
};

/** Requests whose answer must be the first message. On other streams a GOAWAY may come before it. */
const ANSWER_FIRST: readonly RequestKind[] = ["subscribeNamespace", "subscribeTracks"];

type Place = "control" | "opener" | "answerer";

/** Reads the messages of one direction of a control or request stream, and which of them may follow each other. */
export class MessageReader {
  readonly #stream: StreamContext;
  readonly #place: Place;
  readonly #inbox;
  /** The message whose body is incomplete. */
  #type: MessageType | undefined;
  #length: number | undefined;
  #count = 0;
  #request: RequestKind | undefined;
  #answered = false;
  #goaway = false;

  private constructor(stream: StreamContext, place: Place, request?: RequestKind) {
    this.#stream = stream;
    this.#place = place;
    this.#request = request;
    this.#inbox = newInbox(stream.caps);
  }

  /** Of the peer's control stream. The stream type, which is that of SETUP, has been read. */
  static control(stream: StreamContext): MessageReader {
    const reader = new MessageReader(stream, "control");
    reader.#type = messageType(SETUP, stream.caps);
    return reader;
  }

  /** Of a bidirectional stream that the peer opened: a request, and what follows it. */
  static requests(stream: StreamContext): MessageReader {
    return new MessageReader(stream, "opener");
  }

  /** Of a bidirectional stream that this side opened with `request`: the answer, and what follows it. */
  static answers(stream: StreamContext, request: RequestKind): MessageReader {
    return new MessageReader(stream, "answerer", request);
  }

  /** The kind of request that the stream is for, once it is known. */
  get request(): RequestKind | undefined {
    return this.#request;
  }

  /** Calls `sink` with each message that `bytes` complete. Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, sink: (message: Message) => void, allowance: Allowance = UNBOUNDED): Uint8Array {
    this.#inbox.push(bytes);
    try {
      while (allowance.left > 0 || allowance.more()) {
        const message = this.#next();
        if (message === undefined) return READ;
        allowance.left -= MESSAGE_UNITS;
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
    if (this.#place === "control") throw new ProtocolViolation("Session initialization", "control stream ends");
    return this.#count > 0;
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
    this.#type = undefined;
    this.#length = undefined;
    const cursor = newCursor(body, type.name, this.#stream.caps);
    const message = readMessage(type.kind, cursor, this.#context(type.kind));
    cursor.end();
    this.#note(type.kind);
    return message;
  }

  /** The next type, once it is here. One that is unknown, or that must not come now, is a violation before its body is read. */
  #nextType(): MessageType | undefined {
    const number = this.#inbox.varint();
    if (number === undefined) return undefined;
    const type = messageType(number, this.#stream.caps);
    if (type === undefined) throw new ProtocolViolation("Control Messages", "unknown message type");
    if (!this.#allows(type.kind)) throw new ProtocolViolation(type.name, "not allowed here");
    return type;
  }

  #allows(kind: MessageKind): boolean {
    if (kind === "goaway") return !this.#goaway && this.#allowsGoaway();
    const request = this.#request;
    switch (this.#place) {
      case "control":
        return false;
      case "opener":
        return request === undefined ? isRequest(kind) : FROM_OPENER[request].includes(kind);
      case "answerer":
        if (request === undefined) return false;
        if (!this.#answered) return kind === ANSWERS[request] || kind === "requestError";
        // Answers to updates have these two kinds for every request.
        return kind === "requestOk" || kind === "requestError" || AFTER_ANSWER[request].includes(kind);
    }
  }

  #allowsGoaway(): boolean {
    if (this.#place === "control") return true;
    if (this.#request === undefined) return false;
    return this.#place === "opener" || this.#answered || !ANSWER_FIRST.includes(this.#request);
  }

  #context(kind: MessageKind): ReadContext {
    const request = this.#request ?? (isRequest(kind) ? kind : undefined);
    const opener = this.#place === "opener";
    return { ...this.#stream, ...(request === undefined ? {} : { request }), opener, update: opener || this.#answered };
  }

  #note(kind: MessageKind): void {
    this.#count++;
    if (kind === "goaway") this.#goaway = true;
    else if (this.#place === "answerer") this.#answered = true;
    else if (isRequest(kind)) this.#request = kind;
  }
}
