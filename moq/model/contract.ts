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
  /**
   * Bytes before the payload: at most {@link MAX_FRAME_HEADER}. `delta` is the timestamp minus that of the frame before; for the first
   * frame it is the timestamp itself. The bytes are valid until the next call.
   */
  frameHeader(size: number, delta: number): Uint8Array;
  resetCode(reason: Reason): number;
}

/** Longest frame header of any dialect, in bytes: two 8-byte varints. */
export const MAX_FRAME_HEADER = 16;

/** A dialect on one engine: streams of one channel share encoded bytes and fan-outs. One object per pair. */
export interface Channel {
  readonly dialect: Dialect;
  /** What is written is copied before the call returns: its memory may be used again. Absent: it is kept by reference. */
  readonly copies?: boolean;
  fanOut(): OutFan;
}

/** Immutable publisher properties of a track (moq-lite TRACK_INFO). */
export interface TrackInfo {
  /** 0 to 255. Decides between subscriptions of equal subscriber priority. */
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

/** Receives the frames of one group, in order. Calls after the group's end do nothing. */
export interface GroupWriter {
  /** Starts a frame of `size` bytes. `timestamp` is in the track's timescale; absent where the version has none. */
  frame(size: number, timestamp: number | undefined): void;
  /** The next bytes of the frame, valid only during the call. */
  payload(bytes: Uint8Array): void;
  /** The frame is whole. */
  end(): void;
  finish(): void;
  reset(reason: Reason): void;
  /** `callback` is called once, when the model wants no more of this group: the sender sends STOP_SENDING. */
  onStop(callback: (reason: Reason) => void): void;
}

/** Receives what a source reports of one upstream subscription. */
export interface UpstreamSink {
  /** The publisher has confirmed the track already, so the source does not time out a quiet subscription. */
  readonly known?: boolean;
  /** Several viewers use the subscription, not only the one that caused it. */
  shared?(): boolean;
  info(info: TrackInfo): void;
  /** The first group that will come, in versions that name it. */
  started(sequence: number): void;
  /** A group begins. A refusal is the reason for which its stream is stopped. */
  group(sequence: number): GroupWriter | Reason;
  datagram(sequence: number, timestamp: number, payload: Uint8Array): void;
  /** Groups that will not come, both ends inclusive. */
  dropped(start: number, end: number): void;
  /** No group at or after `end` will come. */
  ended(end: number): void;
  /** The subscription has ended: cleanly when there is no reason. Last call. */
  closed(reason: Reason | undefined): void;
}

/** A subscription at a source. */
export interface Upstream {
  update(options: SubscribeOptions): void;
  /** The publisher has confirmed the track on a Track Stream, so the source does not time out a quiet subscription. */
  known?(): void;
  cancel(): void;
}

/** The peer on whose behalf a publisher is asked. */
export interface Asker {
  /** Absent where it is no session of a relay. */
  readonly who?: PeerName | undefined;
  /** The peer as a source: it is not served what it publishes. */
  readonly source: Source;
  /** Its hop id, 0 when unknown: it is not served what passed through it (moq-lite Routing). */
  readonly hop: bigint;
  /** Requests on its behalf that one publisher may leave unanswered at once. Further requests wait. */
  readonly share: number;
}

/** Where a broadcast comes from: the session of a publisher or of a relay. `asker` is the peer on whose behalf it is asked. */
export interface Source {
  /** True when `info` works without a subscription (moq-lite 05 and later). */
  readonly hasInfo: boolean;
  /** True for another relay: it keeps the newest groups of its tracks, so this relay keeps none of them without viewers. */
  readonly keepsNewest?: boolean;
  /**
   * The same source, asked for one epoch of its broadcasts: it refuses with `replaced` where it has another one. Absent where the source
   * cannot be asked for an epoch.
   */
  ofEpoch?(epoch: bigint): Source;
  subscribe(path: string, track: string, options: SubscribeOptions, sink: UpstreamSink, asker?: Asker): Upstream;
  /** Asks for the track's properties. `answer` is called once, unless the returned function cancels the request. */
  info(path: string, track: string, answer: (result: TrackInfo | Reason) => void, asker?: Asker): () => void;
  /** Asks for one group. Its frames go to `writer`, which is finished or reset at the end. Returns a cancel. */
  fetch(
    path: string,
    track: string,
    sequence: number,
    priority: number,
    writer: GroupWriter,
    asker?: Asker,
  ): () => void;
}

/** Who a session is, for operators; not secret. */
export interface PeerName {
  /** The id of the session, as in the log. */
  readonly session: string;
  /** IP address and port. */
  readonly peer: string;
  readonly engine: string;
}

/** Defers a part of a session's work to later turns: `job` is run once a turn until it returns true. */
export type Later = (job: () => boolean) => void;

/** The session side of a subscription. */
export interface Subscriber {
  readonly channel: Channel;
  /** Whether `started` promises the viewer a first group, so that no group below it may be sent. */
  readonly promisesStart: boolean;
  /**
   * True: groups have their publisher's own numbers, and the subscription ends when another publisher takes the path. A relay needs
   * that, because it takes the same content from several relays. Otherwise the viewer sees one track that goes on, numbered upwards.
   */
  readonly ownNumbers?: boolean;
  /** The epoch that it asks for: it is refused with `replaced` where the track has another one. Absent: any epoch. */
  readonly epoch?: bigint | undefined;
  /** Groups that may be under way to it at once. At the bound the oldest one is reset. Absent: no bound. */
  readonly maxGroups?: number;
  /** Defers the rest of what is too much for one turn. Absent: all of it is done at once. */
  readonly later?: Later;
  /** The peer behind it. Absent where there is none: any route may serve it. */
  readonly asker?: Asker;
  /** The track exists. First call, once at most. */
  accepted(info: TrackInfo): void;
  /** The first group that can come. Called once, before any group. */
  started(sequence: number): void;
  /** Opens a stream and writes its header. Returns nothing when the viewer allows no more streams. */
  open(sequence: number, priority: number): OutStream | undefined;
  datagram(sequence: number, timestamp: number, payload: Uint8Array): void;
  /** Groups that will not come, both ends inclusive. */
  dropped(start: number, end: number, reason: Reason): void;
  /** No group at or after `end` will come. */
  ended(end: number): void;
  /** The subscription has ended: cleanly when there is no reason. Last call. */
  closed(reason: Reason | undefined): void;
}
