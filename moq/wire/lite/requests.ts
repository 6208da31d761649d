import {
  type Allowance,
  type Cursor,
  type Inbox,
  ProtocolViolation,
  READ,
  UNBOUNDED,
  type WireLimits,
} from "../codec/index.ts";
import { type AnnounceRequest, encodeAnnounceRequest, readAnnounceRequest } from "./announce.ts";
import { newInbox, newWriter } from "./codec.ts";
import { encodeFetch, type Fetch, readFetch } from "./fetch.ts";
import { type Expected, MessageReader, STREAM } from "./message.ts";
import { encodeProbe, type Probe, readProbe } from "./probe.ts";
import { encodePushedRequest, type PushedRequest, readPushedRequest } from "./pushed.ts";
import {
  encodeSubscribe,
  readSubscribe,
  readSubscribeUpdate,
  type Subscribe,
  type SubscribeUpdate,
} from "./subscribe.ts";
import { encodeTrack, readTrack, type Track } from "./track.ts";
import type { Capabilities } from "./versions.ts";

/** GOAWAY: the sender wants the session to end. The peer may connect to `uri` instead, where it is not empty. */
export interface Goaway {
  readonly uri: string;
}

/** What opens a bidirectional stream. */
export type OpeningRequest =
  | ({ readonly kind: "announce" } & AnnounceRequest)
  | ({ readonly kind: "subscribe" } & Subscribe)
  | ({ readonly kind: "fetch" } & Fetch)
  | ({ readonly kind: "probe" } & Probe)
  | ({ readonly kind: "goaway" } & Goaway)
  | ({ readonly kind: "track" } & Track)
  | ({ readonly kind: "pushed" } & PushedRequest);

/** What the opener of a bidirectional stream sends. */
export type Request =
  | OpeningRequest
  | ({ readonly kind: "subscribeUpdate" } & SubscribeUpdate)
  /** The stream type is unknown, or not in this version: the stream must be reset, and the session goes on. */
  | { readonly kind: "unknown"; readonly type: number };

/** The stream type and the first message. */
export function encodeRequest(request: OpeningRequest, caps: Capabilities): Uint8Array {
  const message = encodeBody(request, caps);
  const out = new Uint8Array(message.length + 1);
  out[0] = STREAM[request.kind];
  out.set(message, 1);
  return out;
}

function encodeBody(request: OpeningRequest, caps: Capabilities): Uint8Array {
  switch (request.kind) {
    case "announce":
      return encodeAnnounceRequest(request, caps);
    case "subscribe":
      return encodeSubscribe(request, caps);
    case "fetch":
      return encodeFetch(request, caps);
    case "probe":
      return encodeProbe(request, caps);
    case "goaway":
      return newWriter(caps).string(request.uri).message();
    case "track":
      return encodeTrack(request, caps);
    case "pushed":
      return encodePushedRequest(request, caps);
  }
}

/** Reads a bidirectional stream that the peer opened: its type, the request, and the messages that may follow. */
export class RequestReader {
  readonly #caps: Capabilities;
  readonly #limits: WireLimits;
  readonly #inbox: Inbox;
  #messages: MessageReader<Request> | undefined;
  #ignored = false;
  #probe = false;

  constructor(caps: Capabilities, limits: WireLimits) {
    this.#caps = caps;
    this.#inbox = newInbox(caps);
    this.#limits = limits;
  }

  /** The stream is a Probe Stream. Published clients send no target, so it can be answered before a first message. */
  get probe(): boolean {
    return this.#probe;
  }

  /** Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, sink: (request: Request) => void, allowance: Allowance = UNBOUNDED): Uint8Array {
    if (this.#ignored) return READ;
    if (this.#messages !== undefined) return this.#messages.push(bytes, sink, allowance);
    this.#inbox.push(bytes);
    try {
      return this.#begin(sink, allowance);
    } finally {
      this.#inbox.keep();
    }
  }

  /** The opener has finished its half, which is a violation inside a message. False when the stream is empty. */
  finish(): boolean {
    if (this.#ignored) return true;
    if (this.#messages === undefined && this.#inbox.left === 0) return false;
    this.#messages?.finish();
    if (this.#messages === undefined || (this.#messages.count === 0 && !this.#probe)) {
      throw new ProtocolViolation("STREAM_TYPE", "stream ends before its first message");
    }
    return true;
  }

  /** Reads the stream type, once it is complete, and the bytes after it. */
  #begin(sink: (request: Request) => void, allowance: Allowance): Uint8Array {
    const type = this.#inbox.varint();
    if (type === undefined) return READ;
    const expect = expectations(type, this.#caps, this.#limits);
    if (expect === undefined) {
      this.#ignored = true;
      sink({ kind: "unknown", type });
      return READ;
    }
    this.#messages = new MessageReader(expect, this.#limits, this.#caps);
    this.#probe = type === STREAM.probe;
    const rest = this.#inbox.take(this.#inbox.left);
    return rest === undefined || rest.length === 0 ? READ : this.#messages.push(rest, sink, allowance);
  }
}

type Expect = (index: number) => Expected<Request> | undefined;

/** The messages that are allowed on a stream of that type; nothing for a type that the version does not have. */
function expectations(type: number, caps: Capabilities, limits: WireLimits): Expect | undefined {
  switch (type) {
    case STREAM.announce:
      return once("ANNOUNCE_REQUEST", (cursor) => ({ kind: "announce", ...readAnnounceRequest(cursor, caps, limits) }));
    case STREAM.subscribe: {
      const first = message("SUBSCRIBE", (cursor) => ({ kind: "subscribe", ...readSubscribe(cursor, caps, limits) }));
      const more = message("SUBSCRIBE_UPDATE", (cursor) => ({
        kind: "subscribeUpdate",
        ...readSubscribeUpdate(cursor, caps),
      }));
      return (index) => (index === 0 ? first : more);
    }
    case STREAM.fetch:
      return once("FETCH", (cursor) => ({ kind: "fetch", ...readFetch(cursor, caps, limits) }));
    case STREAM.probe: {
      const each = message("PROBE", (cursor) => ({ kind: "probe", ...readProbe(cursor, caps) }));
      return () => each;
    }
    case STREAM.goaway:
      if (!caps.goaway) return undefined;
      return once("GOAWAY", (cursor) => ({ kind: "goaway", uri: cursor.string(limits.uriBytes) }));
    case STREAM.track:
      if (!caps.trackStream) return undefined;
      return once("TRACK", (cursor) => ({ kind: "track", ...readTrack(cursor, caps, limits) }));
    case STREAM.pushed:
      if (!caps.pushedTracks) return undefined;
      return once("PUSHED_REQUEST", (cursor) => ({ kind: "pushed", ...readPushedRequest(cursor, limits) }));
    default:
      return undefined;
  }
}

function message(clause: string, read: (cursor: Cursor) => Request): Expected<Request> {
  return { clause, typed: false, read };
}

function once(clause: string, read: (cursor: Cursor) => Request): Expect {
  const only = message(clause, read);
  return (index) => (index === 0 ? only : undefined);
}
