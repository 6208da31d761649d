/**
 * What the model needs from the sessions around it. A session that receives implements {@link Source}; a session
 * that sends implements {@link Subscriber}. The model calls them synchronously and is called back the same way.
 */
import type { Reason } from "../reason.ts";

/** A send stream as the model sees it; the transport contract's `SendStream` is one. */
export interface OutStream {
  readonly queued: number;
  readonly ended: boolean;
  write(bytes: Uint8Array): void;
  finish(): void;
  reset(code: number): void;
  setPriority(priority: number): void;
}

/** A set of streams written to in one call; the transport contract's `FanOut` is one. */
export interface OutFan {
  readonly size: number;
  add(stream: OutStream): void;
  write(bytes: Uint8Array): void;
  finish(): void;
  reset(code: number): void;
}

/** How one wire version writes objects on a stream, after the stream's own header. */
export interface Dialect {
  readonly name: string;
  /** Bytes before the payload: at most {@link MAX_FRAME_HEADER}. `delta` is the timestamp less that of the frame before, or the timestamp itself for the first. */
  frameHeader(size: number, delta: number): Uint8Array;
  resetCode(reason: Reason): number;
}

/** Longest frame header of any dialect, in bytes: two 8-byte varints. */
export const MAX_FRAME_HEADER = 16;

/** A dialect on one engine: streams of one channel share encoded bytes and fan-outs. One object per pair. */
export interface Channel {
  readonly dialect: Dialect;
  fanOut(): OutFan;
}

/** Immutable publisher properties of a track (moq-lite TRACK_INFO). */
export interface TrackInfo {
  /** 0 to 255, ties between subscriptions of equal subscriber priority. */
  readonly priority: number;
  readonly ordered: boolean;
  /** Milliseconds that a group which is not the newest is kept. */
  readonly maxLatency: number;
  /** Timestamp units per second. */
  readonly timescale: number;
}

/** What a subscription asks for. Sequences are absolute; `end` is inclusive. */
export interface SubscribeOptions {
  /** 0 to 255, higher first within a session. */
  readonly priority: number;
  /** Older groups first. */
  readonly ordered: boolean;
  /** Milliseconds after which a group that is not the newest is stale. */
  readonly maxLatency: number;
  /** Absent: from the newest group. */
  readonly start?: number;
  /** Absent: no end. */
  readonly end?: number;
}

/** Takes the objects of one group of a publisher, in order. Every call is safe after the group's end. */
export interface GroupWriter {
  /** Starts a frame of `size` bytes. `timestamp` is in the track's timescale; absent where the version has none. */
  frame(size: number, timestamp: number | undefined): void;
  /** The next bytes of the frame, valid during the call. */
  payload(bytes: Uint8Array): void;
  /** The frame is whole. */
  end(): void;
  finish(): void;
  reset(reason: Reason): void;
  /** Called once when the model wants no more of this group, so that the sender is told to stop. */
  onStop(callback: (reason: Reason) => void): void;
}

/** What a source reports of one upstream subscription. */
export interface UpstreamSink {
  /** The publisher has said already that it has the track, so its silence is no refusal. */
  readonly known?: boolean;
  /** Several viewers get it, not only the one that asked for it. */
  shared?(): boolean;
  info(info: TrackInfo): void;
  /** The first group that will come, where the version says so. */
  started(sequence: number): void;
  /** A group begins; the refusal says why its stream is to be stopped. */
  group(sequence: number): GroupWriter | Reason;
  datagram(sequence: number, timestamp: number, payload: Uint8Array): void;
  /** Groups that will not come, both ends inclusive. */
  dropped(start: number, end: number): void;
  /** No group at or after `end` will come. */
  ended(end: number): void;
  /** The subscription is over: cleanly when there is no reason. Last call. */
  closed(reason: Reason | undefined): void;
}

/** A subscription at a source. */
export interface Upstream {
  update(options: SubscribeOptions): void;
  /** The publisher has said on a Track Stream that it has the track, so its silence is no refusal. */
  known?(): void;
  cancel(): void;
}

/** The peer that asks for something. */
export interface Asker {
  /** The peer as a place to subscribe at: what it publishes is not served to it. */
  readonly source: Source;
  /** Its hop id, 0 when unknown: what passed through it is not served to it (moq-lite Routing). */
  readonly hop: bigint;
  /** Requests on its behalf that one publisher may leave unanswered at once; further ones wait for their turn. */
  readonly share: number;
}

/** Where a broadcast can be had: a publisher's session, or a relay's. `asker` is the peer on whose behalf it is asked. */
export interface Source {
  /** True when `info` works without a subscription (moq-lite 05 and later). */
  readonly hasInfo: boolean;
  /** True for other relays: they keep the newest groups of their tracks, so that those need not be kept here without viewers. */
  readonly keepsNewest?: boolean;
  subscribe(path: string, track: string, options: SubscribeOptions, sink: UpstreamSink, asker?: Asker): Upstream;
  /** Asks for the track's properties; the answer comes once unless cancelled by the returned function. */
  info(path: string, track: string, answer: (result: TrackInfo | Reason) => void, asker?: Asker): () => void;
  /** Asks for one group; its frames go to `writer`, which is finished or reset. Returns a cancel. */
  fetch(
    path: string,
    track: string,
    sequence: number,
    priority: number,
    writer: GroupWriter,
    asker?: Asker,
  ): () => void;
}

/** Takes a part of somebody's work that is done in later turns: `job` is run once a turn until it returns true. */
export type Later = (job: () => boolean) => void;

/** What a subscription tells its session. */
export interface Subscriber {
  readonly channel: Channel;
  /** Whether `started` is a promise to the viewer, so that nothing below it may be sent. */
  readonly promisesStart: boolean;
  /**
   * It takes the same content from several relays, so groups have the numbers that their publisher gave them, and when another
   * publisher takes the path it is over. Others see one track that goes on, numbered upwards.
   */
  readonly ownNumbers?: boolean;
  /** Groups that may be under way to it at once; past that it loses the oldest of them. Absent: no bound. */
  readonly maxGroups?: number;
  /** Does the rest of what is too much for one turn; absent: everything is done at once. */
  readonly later?: Later;
  /** The peer behind it; absent where there is none, and any route may serve it. */
  readonly asker?: Asker;
  /** The track exists. First call, at most once. */
  accepted(info: TrackInfo): void;
  /** The first group that can come. Once, before any group. */
  started(sequence: number): void;
  /** Opens a stream and writes its header; nothing when the viewer allows no more streams. */
  open(sequence: number, priority: number): OutStream | undefined;
  datagram(sequence: number, timestamp: number, payload: Uint8Array): void;
  /** Groups that will not come, both ends inclusive. */
  dropped(start: number, end: number, reason: Reason): void;
  /** No group at or after `end` will come. */
  ended(end: number): void;
  /** Over: cleanly when there is no reason. Last call. */
  closed(reason: Reason | undefined): void;
}
