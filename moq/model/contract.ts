/**
 * What the model needs from the sessions around it. A session that receives implements {@link Source}; a session
 * that sends implements {@link Subscriber}. The model calls them synchronously and is called back the same way.
 */
import type { Framing } from "../link.ts";
import type { Reason } from "../reason.ts";

/** A send stream as the model sees it; the transport contract's `SendStream` is one. */
export interface OutStream {
  readonly queued: number;
  readonly ended: boolean;
  readonly acknowledged?: boolean;
  write(bytes: Uint8Array): void;
  finish(): void;
  reset(code: number): void;
  setPriority(priority: number): void;
}

/** A set of streams written to in one call; the transport contract's `FanOut` is one. */
export interface OutFan {
  readonly size: number;
  readonly written?: number;
  unpassed?(): void;
  add(stream: OutStream): void;
  write(bytes: Uint8Array): void;
  finish(): void;
  reset(code: number): void;
}

/** A place in a track: an object of a group. Both are integers from 0 to 2^53-1. */
export interface Location {
  readonly group: number;
  readonly object: number;
}

/**
 * What an object without payload says. `end_of_group`: no object of the group has this id or a higher one. `end_of_track`: the same for the
 * group, and no later group follows. `does_not_exist`: the publisher has no object of this id (moq-transport 14 to 16).
 */
export type ObjectStatus = "end_of_group" | "end_of_track" | "does_not_exist";

/** How one wire version writes objects on a stream, after the stream's own header. One object per version: it knows no track. */
export interface Dialect {
  readonly name: string;
  /** Dialects with the same text here write the same headers, and share them in the memory of an object. Absent: as the name. */
  readonly headers?: string;
  /** How an engine writes its objects where it passes them on itself. Absent: it cannot. */
  readonly framing?: Framing;
  /**
   * True: a viewer's stream carries one subgroup (moq-transport, the mesh). False: it carries a group, and the model merges the group's
   * subgroups in the order of object ids (moq-lite). Then ids, properties and statuses are not written.
   */
  readonly subgroups: boolean;
  /**
   * Bytes before the payload, valid until the next call. Up to {@link HEADER_ROOM} bytes, beside those of the properties, cost no copy.
   *
   * - `size`: bytes of payload.
   * - `delta`: the timestamp minus that of the object before on the stream; for the first object of a stream the timestamp itself.
   * - `idDelta`: ids between the object before on the stream and this one; for the first object of a stream its id. So 0, 0, 0 for ids 0, 1, 2.
   * - `properties`: as {@link SubgroupWriter.object} has them.
   * - `status`: absent for an object with payload, also for an empty one. With a status `size` is 0.
   * - `timestamp`: in the track's timescale. Where the publisher sent none it is the time of arrival.
   */
  objectHeader(
    size: number,
    delta: number,
    idDelta: number,
    properties: Uint8Array | undefined,
    status: ObjectStatus | undefined,
    timestamp: number,
  ): Uint8Array;
  resetCode(reason: Reason): number;
}

/** Bytes kept free before an object for its header: two 8-byte varints of moq-lite. A longer header is a write of its own. */
export const HEADER_ROOM = 16;

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
  /** Opaque properties of the track, passed on byte for byte. Absent where the version has none (moq-lite). */
  readonly properties?: Uint8Array;
}

/** As {@link SubscribeOptions.maxLatency}: every group is wanted, however old, as far as the relay's bounds let it. */
export const ALL_GROUPS: number = 2 ** 31;

/** What a subscription asks for. Sequences are absolute; `end` is inclusive. */
export interface SubscribeOptions {
  /** 0 to 255, higher first within a session. */
  readonly priority: number;
  /** Older groups first. */
  readonly ordered: boolean;
  /** Milliseconds after which a group that is not the newest is stale. From {@link ALL_GROUPS} on, none is. */
  readonly maxLatency: number;
  /** Milliseconds that an object may wait to be sent. Absent: no bound. */
  readonly objectTimeout?: number;
  /** Milliseconds in which a subgroup must be sent after its end. Absent: no bound. */
  readonly subgroupTimeout?: number;
  /** Absent: as {@link join} says. */
  readonly start?: number;
  /** With `start`: id of the first object of that group. Absent: 0. */
  readonly startObject?: number;
  /** Where it begins without `start`. Absent: `newest_group`. */
  readonly join?: Join;
  /**
   * `maxLatency` decides what is sent, by timestamps alone (moq-lite 06 Group Start and Expiration). `start` is the lowest group that may be
   * sent, and the subscription begins with the oldest one from there on that has not expired. Absent: it begins as `start` and {@link join}
   * say, and a group is as old as its time of arrival or its timestamp says, whichever is more.
   */
  readonly byMaxAge?: true;
  /** Absent: no end. */
  readonly end?: number;
  /** With `end`: id of the last object of that group. Absent: the whole group. */
  readonly endObject?: number;
  /** False: the subscription is paused, and no object is sent. Absent: true. */
  readonly forward?: boolean;
  /**
   * Once, the wish for a group from this number on, or for any new one where it is 0, in the publisher's own numbers (moq-transport
   * NEW_GROUP_REQUEST).
   */
  readonly newGroup?: number;
  /** Absent: all objects of the range are wanted. The same object while it stays the same. For dialects that take subgroups. */
  readonly filter?: ObjectFilter;
}

/** Which objects a subscription wants, besides its range. */
export interface ObjectFilter {
  /** What it wants of a subgroup, or of an object of a datagram, which has none. `priority`: as {@link SubgroupStart} has it. */
  of(subgroup: number | undefined, priority: number): Selection;
}

/** All objects, none, or those that a test passes. */
export type Selection = "all" | "none" | ObjectTest;

/** Whether an object is wanted. `properties`: as {@link SubgroupWriter.object} has them. */
export type ObjectTest = (id: number, properties: Uint8Array | undefined) => boolean;

/**
 * - `newest_group`: with the first object of the newest group.
 * - `next_object`: with the object after the newest one, inside its group (moq-transport Largest Object).
 * - `next_group`: with the group after the newest one.
 */
export type Join = "newest_group" | "next_object" | "next_group";

/** A subgroup begins, or goes on on another stream. */
export interface SubgroupStart {
  readonly group: number;
  /** Unique within the group. moq-lite: 0. */
  readonly subgroup: number;
  /** 0 to 255, higher first. Absent: that of the track. moq-transport's, where lower comes first, are 255 minus this. */
  readonly priority?: number;
  /** The first object on the stream is the first one of the subgroup. */
  readonly firstObject: boolean;
  /** When the stream finishes, the group has no object after the last one on it. */
  readonly endsGroup: boolean;
}

/** An object that travels in a datagram: no stream has it. */
export interface DatagramObject extends Location {
  /** In the track's timescale; absent where the publisher sent none. */
  readonly timestamp: number | undefined;
  /** As {@link SubgroupWriter.object} has them. */
  readonly properties: Uint8Array | undefined;
  /** Absent: an object with payload. */
  readonly status?: ObjectStatus;
  /** As {@link SubgroupStart} has it. */
  readonly priority?: number;
  /** The group has no object after this one. moq-lite: true, because a datagram is a group. */
  readonly endsGroup: boolean;
  /** Valid only during the call. */
  readonly payload: Uint8Array;
}

/** The stream that brings a subgroup, on an engine that can pass it on; see `RecvStream` of the transport contract. */
export interface Inflow {
  readonly framing: Framing;
  /** {@link SubgroupWriter.marked} follows. */
  mark(): void;
  /** Answers the mark. False where no stream of `to` gets what comes: the place is inside a header, or the mark does not stand any more. */
  pass(to: readonly { readonly fan: OutFan; readonly framing: Framing }[], late: boolean): boolean;
  unpass(): boolean;
}

/** Receives the objects of one subgroup, in ascending order of their ids. Calls after the subgroup's end do nothing. */
export interface SubgroupWriter {
  /**
   * An object of `size` bytes begins.
   *
   * - `timestamp`: in the track's timescale; absent where the publisher sent none.
   * - `id`: above that of the object before. Absent: that of the object before plus 1; of the first object 0.
   * - `properties`: opaque bytes, valid only during the call and passed on byte for byte. Empty: the publisher's version has properties, and this
   *   object has none. Absent: the version has no properties (moq-lite), so a dialect may write some of its own, such as the timestamp.
   */
  object(size: number, timestamp: number | undefined, id?: number, properties?: Uint8Array): void;
  /** The next bytes of the object, valid only during the call. */
  payload(bytes: Uint8Array): void;
  /** The object is whole. */
  end(): void;
  /** An object without payload. `id` is above that of the object before. `properties` as in {@link object}. */
  status(status: ObjectStatus, id: number, properties?: Uint8Array): void;
  /** All that has come on its stream was written. Absent where the objects must not be passed on. */
  follows?(from: Inflow): void;
  /** The mark is here: answers it with {@link Inflow.pass}. True where what comes is passed on. */
  marked?(from: Inflow): boolean;
  /** What comes from here on is not passed on. */
  unpassed?(): void;
  /** No further object comes on this stream. */
  finish(): void;
  reset(reason: Reason): void;
  /** `callback` is called once, when the model wants no more of this subgroup: the sender sends STOP_SENDING. */
  onStop(callback: (reason: Reason) => void): void;
}

/** Objects of a track from `start` to `end`, both inclusive. They come in the order of their locations. */
export interface FetchRange {
  readonly start: Location;
  /** With {@link LAST_OBJECT} the whole group. */
  readonly end: Location;
  /** Groups come with the highest first. Objects of a group ascend all the same. Absent: false. */
  readonly descending?: boolean;
}

/** As the object of {@link FetchRange.end}: all of the group, however many objects it has. */
export const LAST_OBJECT: number = Number.MAX_SAFE_INTEGER;

/** An object of a fetch. Its fields are valid only during the call: the sender may use the same record again. */
export interface FetchedObject extends Location {
  /** Absent: it was sent as a datagram. */
  readonly subgroup: number | undefined;
  /** As {@link SubgroupStart} has it. */
  readonly priority: number | undefined;
  /** Bytes of payload; 0 with a status. */
  readonly size: number;
  /** Absent: an object with payload. */
  readonly status: ObjectStatus | undefined;
  /** In the track's timescale; absent where the publisher sent none. */
  readonly timestamp: number | undefined;
  /** As {@link SubgroupWriter.object} has them. */
  readonly properties: Uint8Array | undefined;
}

/** Why a fetch has no objects for a part of its range. `timed_out`: the publisher waited for them in vain. */
export type FetchGap = "unknown" | "nonexistent" | "timed_out";

/** Receives what a fetch brings, in the order of the range. Calls after its end do nothing. */
export interface FetchWriter {
  /** An object begins; one with a status is whole at once, with neither `payload` nor `end`. */
  object(object: FetchedObject): void;
  /** The next bytes of the object, valid only during the call. */
  payload(bytes: Uint8Array): void;
  /** The object is whole. */
  end(): void;
  /** Up to `end`, inclusive, no further objects come: from the object before on, or from the start of the range. */
  gap(kind: FetchGap, end: Location): void;
  /** All of the range has been sent. */
  finish(): void;
  reset(reason: Reason): void;
  /** `callback` is called once, when no more of it is wanted: the sender sends STOP_SENDING. */
  onStop(callback: (reason: Reason) => void): void;
}

/** Takes the objects of a fetch for one that asked. */
export interface FetchReader extends FetchWriter {
  /** Bytes that wait to be sent. While there are many, no further group begins. */
  readonly queued: number;
}

/** Receives what a source reports of one upstream subscription. */
export interface UpstreamSink {
  /** The publisher has confirmed the track already, so the source does not time out a quiet subscription. */
  readonly known?: boolean;
  /** Several viewers use the subscription, not only the one that caused it. */
  shared?(): boolean;
  /** `largest`: the newest object that the publisher has, in versions that name it. */
  info(info: TrackInfo, largest?: Location): void;
  /** The publisher has named its newest object again. */
  named?(largest: Location): void;
  /** The first group that will come, in versions that name it. */
  started(sequence: number): void;
  /** A subgroup begins, or goes on on another stream. A refusal is the reason for which its stream is stopped. */
  subgroup(start: SubgroupStart): SubgroupWriter | Reason;
  datagram(datagram: DatagramObject): void;
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
  /** Viewers wish for a new group, as `newGroup` of the options says it. Absent where the version cannot ask for one. */
  requestGroup?(above: number): void;
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
  /** Asks for a range. Its objects go to `writer`, which is finished or reset at the end. Returns a cancel. */
  fetch(
    path: string,
    track: string,
    range: FetchRange,
    priority: number,
    writer: FetchWriter,
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
  /** The track exists. `largest`: the newest object that is known, in the viewer's numbers. First call, once at most. */
  accepted(info: TrackInfo, largest: Location | undefined): void;
  /** The first group that can come. Called once, before any group. */
  started(sequence: number): void;
  /**
   * Opens a stream and writes its header. Returns nothing when the viewer allows no more streams.
   *
   * - `start`: the subgroup in the viewer's numbers. A dialect that takes whole groups gets one for each group, with the subgroup 0.
   * - `priority`: of the stream among those of its link.
   * - `first`: no object with a lower id is sent; 0 for all of them.
   */
  open(start: SubgroupStart, priority: number, first: number): OutStream | undefined;
  /** In the viewer's numbers. */
  datagram(datagram: DatagramObject): void;
  /** Groups that will not come, both ends inclusive. */
  dropped(start: number, end: number, reason: Reason): void;
  /** No group at or after `end` will come. */
  ended(end: number): void;
  /** The subscription has ended: cleanly when there is no reason. Last call. */
  closed(reason: Reason | undefined): void;
}
