import type {
  Asker,
  DatagramObject,
  FetchRange,
  FetchWriter,
  SubscribeOptions,
  TrackInfo,
  UpstreamSink,
} from "../model/index.ts";
import type { Reason } from "../reason.ts";
import type { Allowance } from "../wire/codec/index.ts";
import type { Receiver } from "./received-groups.ts";
import type { UpstreamRequest, UpstreamRequestEvents } from "./upstream-request.ts";

/** Reads the publisher's half of a request stream. */
export interface AnswerReader {
  /** Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, allowance: Allowance): Uint8Array;
  /** The publisher finished its half. Throws where that breaks the protocol. */
  finish(): void;
}

/** One request to a publisher, as a protocol version has it. */
export interface RequestMessages {
  /** What the stream begins with. */
  readonly request: Uint8Array;
  readonly answer: AnswerReader;
}

/** A subscription at a publisher, as a protocol version has it. */
export interface SubscribeMessages {
  /** What the stream begins with. */
  request(options: SubscribeOptions): Uint8Array;
  /** Nothing where the publisher need not learn of the change. */
  update(options: SubscribeOptions): Uint8Array | undefined;
  /** Viewers wish for a new group. Nothing where the publisher makes none when asked; absent where the version cannot ask. */
  requestGroup?(above: number): Uint8Array | undefined;
  /** Hands what the publisher says to the sink. */
  readonly answer: AnswerReader;
  /** No group of the subscription is accepted any more. */
  gone?(): void;
}

/** A subscription of ours, for the protocol that knows what the publisher says of it. */
export interface OwnSubscription extends Receiver {
  datagram(datagram: DatagramObject): void;
  /** The publisher has opened so many group streams for it, and opens no more. */
  counted(streams: number): void;
  /** The publisher ended it by a message: cleanly without a reason. */
  ended(reason: Reason | undefined): void;
  /** Sends a message on its stream. */
  send(message: Uint8Array): void;
}

/** A track that a publisher is asked for. */
export interface AskedTrack {
  readonly path: string;
  readonly track: string;
  /** 0 for any, which is what versions without epochs ask for. */
  readonly epoch: bigint;
}

/** What a publisher is asked for, as a protocol version has it. Paths are relative to the root. */
export interface SourceProtocol {
  /** There are requests for the properties of a track. A publisher that has no group may then leave a subscription unanswered. */
  readonly hasInfo: boolean;
  /** Whether the protocol has a name for the track. Absent: it has one for every track. */
  canName?(asked: AskedTrack): boolean;
  /** `id`: of the subscription, among those of the session. */
  subscribe(id: number, asked: AskedTrack, sink: UpstreamSink, own: OwnSubscription): SubscribeMessages;
  info(asked: AskedTrack, known: (info: TrackInfo) => void): RequestMessages;
  /** Nothing where the version cannot ask for that range. */
  fetch(asked: AskedTrack, range: FetchRange, priority: number, writer: FetchWriter): RequestMessages | undefined;
  /** In place of {@link fetch}: the objects come on a stream of their own. `request` makes a request that ends with the session. */
  startFetch?(
    asked: AskedTrack,
    fetch: { readonly range: FetchRange; readonly priority: number; readonly writer: FetchWriter },
    request: (on: UpstreamRequestEvents) => UpstreamRequest,
    asker: Asker | undefined,
  ): () => void;
}
