import type { FetchRange, FetchWriter, SubscribeOptions, TrackInfo, UpstreamSink } from "../model/index.ts";
import type { Allowance } from "../wire/codec/index.ts";

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
  update(options: SubscribeOptions): Uint8Array;
  /** Hands what the publisher says to the sink. */
  readonly answer: AnswerReader;
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
  subscribe(id: number, asked: AskedTrack, sink: UpstreamSink): SubscribeMessages;
  info(asked: AskedTrack, known: (info: TrackInfo) => void): RequestMessages;
  /** Nothing where the version cannot ask for that range. */
  fetch(asked: AskedTrack, range: FetchRange, priority: number, writer: FetchWriter): RequestMessages | undefined;
}
