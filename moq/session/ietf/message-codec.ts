import type { Allowance } from "../../wire/codec/index.ts";
import {
  encodeMessage,
  type Message,
  MessageReader,
  type RequestKind,
  type StreamContext,
} from "../../wire/ietf/index.ts";

/** Reads the messages of one direction of a request stream. */
export interface MessageSource {
  /** The kind of the request, once it is known. */
  readonly request: RequestKind | undefined;
  /** Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, sink: (message: Message) => void, allowance: Allowance): Uint8Array;
  /** The stream has ended. False when there was no message. */
  finish(): boolean;
}

/** Writes and reads the messages of request streams. */
export interface MessageCodec {
  encode(message: Message): Uint8Array;
  /** Of a stream that the peer opened. */
  requests(): MessageSource;
  /** Of a stream that this end opened with such a request. */
  answers(request: RequestKind): MessageSource;
}

/** Of drafts in which a request has a stream of its own. */
export function streamCodec(fromPeer: StreamContext): MessageCodec {
  return {
    encode: (message) => encodeMessage(message, fromPeer.caps),
    requests: () => MessageReader.requests(fromPeer),
    answers: (request) => MessageReader.answers(fromPeer, request),
  };
}
