import assert from "node:assert/strict";
import { newWriter } from "../../../../moq/wire/ietf/codec.ts";
import {
  type Capabilities,
  capabilities,
  DRAFTS,
  encodeMessage,
  type Message,
  MessageReader,
  SETUP,
  type StreamContext,
} from "../../../../moq/wire/ietf/index.ts";
import { concat, feed } from "../../support/bytes.ts";
import type { Conversation } from "./arbitraries.ts";

export function capsOf(protocol: string): Capabilities {
  const caps = capabilities(protocol);
  assert.ok(caps);
  return caps;
}

/** Every draft with its capabilities. */
export const EVERY_DRAFT: readonly Capabilities[] = DRAFTS.map(capsOf);

type Place = Pick<Conversation, "place" | "from" | "request">;

/** A reader for that place. The type of a control stream has been read. */
export function readerOf({ place, from, request }: Place, caps: Capabilities): MessageReader {
  const stream: StreamContext = { caps, from, uriBound: false };
  switch (place) {
    case "control":
      return MessageReader.control(stream);
    case "requests":
      return MessageReader.requests(stream);
    case "answers":
      return MessageReader.answers(stream, request ?? "subscribe");
  }
}

/** All bytes of a stream, without the type of a control stream. */
export function written({ place, messages }: Conversation, caps: Capabilities): Uint8Array {
  const all = concat(...messages.map((message) => encodeMessage(message, caps)));
  return place === "control" && caps.requestStreams ? all.subarray(newWriter(caps).varint(SETUP).finish().length) : all;
}

/** The messages of a stream that arrives in pieces of those sizes. */
export function readAll(place: Place, bytes: Uint8Array, caps: Capabilities, sizes: readonly number[] = []): Message[] {
  const messages: Message[] = [];
  const reader = readerOf(place, caps);
  feed(bytes, sizes, (piece) => reader.push(piece, (message) => messages.push(message)));
  if (messages[0]?.kind !== "setup") reader.finish();
  return messages;
}
