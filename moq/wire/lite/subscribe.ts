import { type Cursor, RequestViolation, type WireLimits, type Writer } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { type FrameRange, putFrames, readFrames } from "./frame-range.ts";
import { MessageReader, readOptional, readPath, readTrackName } from "./message.ts";
import { putTrackInfo, readTrackInfo, type TrackInfo, withProperties } from "./track.ts";
import type { Capabilities } from "./versions.ts";

/**
 * SUBSCRIBE_UPDATE: what a subscriber may change. Sequences are absolute and `end` is inclusive. `maxLatency` is in milliseconds; 06 calls it
 * Max Age. Frames qualify `start` (0 where it is absent) and `end`.
 */
export interface SubscribeUpdate extends FrameRange {
  /** 0 to 255, higher first. */
  readonly priority: number;
  /** False in versions without it. */
  readonly ordered: boolean;
  readonly maxLatency: number;
  /** Absent: the latest group; where the version has a floor, no floor. */
  readonly start?: number;
  /** Absent: no end. */
  readonly end?: number;
  /** Where it begins without `start`. Absent for the newest group, and in versions without objects. */
  readonly join?: Join;
  /** False: it is paused. Absent for true, and in versions without objects. */
  readonly forward?: boolean;
  /** Once: a wish for a group from this number on, 0 for any new one. Absent for none, and in versions without objects. */
  readonly newGroup?: number;
}

/** Begin with the newest group, with the object after the newest one, or with the group after the newest one. */
type Join = "newest_group" | "next_object" | "next_group";

/** By the number on the wire. */
const JOINS: readonly Join[] = ["newest_group", "next_object", "next_group"];

/** Added to the number of the join where the subscription is paused. */
const PAUSED = 4;

/** Added to it where a wish for a new group follows. */
const WISHES = 8;

/** SUBSCRIBE: opens a subscription. */
export interface Subscribe extends SubscribeUpdate {
  readonly id: number;
  readonly path: string;
  readonly track: string;
  /** The generation that is wanted; 0 for the current one, and in versions without it. */
  readonly epoch: bigint;
}

/** What the publisher sends on a Subscribe Stream. */
export type SubscribeResponse =
  /** SUBSCRIBE_OK of 03 and 04. */
  | ({ readonly kind: "ok" } & SubscribeUpdate)
  /** SUBSCRIBE_OK of 05 and later: the first group that will come. */
  | { readonly kind: "start"; readonly group: number }
  /** SUBSCRIBE_END: the first group that will never come, and how many group streams were opened, where the version counts them. */
  | { readonly kind: "end"; readonly group: number; readonly streams?: number }
  /** SUBSCRIBE_DROP: groups that will not come, both ends inclusive. */
  | { readonly kind: "drop"; readonly start: number; readonly end: number; readonly code: number }
  /** What versions with objects say first: the track's properties, and its newest object, where one is known. */
  | { readonly kind: "info"; readonly info: TrackInfo; readonly largest: Largest | undefined };

/** The newest object of a track. */
export interface Largest {
  readonly group: number;
  readonly object: number;
}

type ResponseKind = SubscribeResponse["kind"];

/** By message type. */
function responseKinds(caps: Capabilities): readonly ResponseKind[] {
  const ok = caps.subscribeOk === "properties" ? "ok" : "start";
  if (caps.objects) return [ok, "end", "drop", "info"];
  if (caps.streamCounts) return [ok, "end"];
  return caps.subscribeEnd ? [ok, "end", "drop"] : [ok, "drop"];
}

const CLAUSES: Readonly<Record<ResponseKind, string>> = {
  ok: "SUBSCRIBE_OK",
  start: "SUBSCRIBE_OK",
  end: "SUBSCRIBE_END",
  drop: "SUBSCRIBE_DROP",
  info: "SUBSCRIBE_INFO",
};

export function encodeSubscribe(message: Subscribe, caps: Capabilities): Uint8Array {
  const writer = newWriter(caps).varint(message.id).string(message.path).string(message.track);
  if (caps.epochs) writer.varintBig(message.epoch);
  return putRange(writer, message, caps).message();
}

export function readSubscribe(cursor: Cursor, caps: Capabilities, limits: WireLimits): Subscribe {
  const id = cursor.varint();
  const path = readPath(cursor, limits);
  const track = readTrackName(cursor, limits);
  const epoch = caps.epochs ? cursor.varintBig() : 0n;
  return { id, path, track, epoch, ...readRange(cursor, caps, "SUBSCRIBE") };
}

export function encodeSubscribeUpdate(message: SubscribeUpdate, caps: Capabilities): Uint8Array {
  return putRange(newWriter(caps), message, caps).message();
}

export function readSubscribeUpdate(cursor: Cursor, caps: Capabilities): SubscribeUpdate {
  return readRange(cursor, caps, "SUBSCRIBE_UPDATE");
}

/** Throws a RangeError where the version has no message of that kind. */
export function encodeSubscribeResponse(response: SubscribeResponse, caps: Capabilities): Uint8Array {
  const type = responseKinds(caps).indexOf(response.kind);
  if (type < 0) throw new RangeError(`no ${CLAUSES[response.kind]} of kind ${response.kind} in ${caps.protocol}`);
  const writer = newWriter(caps);
  switch (response.kind) {
    case "ok":
      putOptions(writer, response, caps);
      break;
    case "start":
      writer.varint(response.group);
      break;
    case "end":
      writer.varint(response.group);
      if (caps.streamCounts) writer.varint(response.streams ?? 0);
      break;
    case "drop":
      writer.varint(response.start).varint(response.end).varint(response.code);
      break;
    case "info":
      putTrackInfo(writer, response.info, caps);
      writer.varint(response.largest === undefined ? 0 : response.largest.group + 1);
      if (response.largest !== undefined) writer.varint(response.largest.object);
      break;
  }
  return writer.message(Uint8Array.of(type));
}

export function subscribeResponses(caps: Capabilities, limits: WireLimits): MessageReader<SubscribeResponse> {
  const kinds = responseKinds(caps);
  const expected = {
    clause: "Subscribe",
    typed: true,
    name: (type: number) => {
      const kind = kinds[type];
      return kind && CLAUSES[kind];
    },
    read: (cursor: Cursor, type: number): SubscribeResponse => readResponse(cursor, kinds[type], caps),
  };
  return new MessageReader(() => expected, withProperties(limits, caps), caps);
}

function readResponse(cursor: Cursor, kind: ResponseKind | undefined, caps: Capabilities): SubscribeResponse {
  switch (kind) {
    case "ok":
      return { kind, ...readOptions(cursor, caps) };
    case "start":
      return { kind, group: cursor.varint() };
    case "end": {
      const group = cursor.varint();
      return caps.streamCounts ? { kind, group, streams: cursor.varint() } : { kind, group };
    }
    case "drop": {
      const start = cursor.varint();
      const end = cursor.varint();
      if (end < start) throw cursor.violation("range ends before it starts");
      return { kind, start, end, code: cursor.varint() };
    }
    case "info": {
      const info = readTrackInfo(cursor, caps);
      const group = readOptional(cursor);
      return { kind, info, largest: group === undefined ? undefined : { group, object: cursor.varint() } };
    }
    case undefined:
      throw cursor.violation("unknown message type");
  }
}

function putRange(writer: Writer, options: SubscribeUpdate, caps: Capabilities): Writer {
  putFrames(putOptions(writer, options, caps), options, caps);
  if (!caps.objects) return writer;
  const { join = "newest_group", forward, newGroup } = options;
  writer.u8(JOINS.indexOf(join) + (forward === false ? PAUSED : 0) + (newGroup === undefined ? 0 : WISHES));
  return newGroup === undefined ? writer : writer.varint(newGroup);
}

function readRange(cursor: Cursor, caps: Capabilities, clause: string): SubscribeUpdate {
  const options = readOptions(cursor, caps);
  const frames = readFrames(cursor, caps);
  if (frames.endFrame !== undefined && options.end === undefined) {
    throw new RequestViolation(clause, "Frame End without Group End");
  }
  return { ...options, ...frames, ...(caps.objects ? readJoin(cursor) : {}) };
}

function readJoin(cursor: Cursor): Pick<SubscribeUpdate, "join" | "forward" | "newGroup"> {
  const value = cursor.u8();
  const join = JOINS[value % PAUSED];
  if (value >= 2 * WISHES || join === undefined) throw cursor.violation("unknown start");
  return {
    ...(join === "newest_group" ? {} : { join }),
    ...(value % WISHES >= PAUSED ? { forward: false } : {}),
    ...(value >= WISHES ? { newGroup: cursor.varint() } : {}),
  };
}

function putOptions(writer: Writer, options: SubscribeUpdate, caps: Capabilities): Writer {
  writer.u8(options.priority);
  if (caps.groupOrder) writer.bool(options.ordered);
  writer.varint(options.maxLatency);
  if (caps.groupFloor) writer.varint(options.start ?? 0);
  else writer.varint(options.start === undefined ? 0 : options.start + 1);
  return writer.varint(options.end === undefined ? 0 : options.end + 1);
}

function readOptions(cursor: Cursor, caps: Capabilities): SubscribeUpdate {
  const priority = cursor.u8();
  const ordered = caps.groupOrder && cursor.bool();
  const maxLatency = cursor.varint();
  // A floor of 0 is none.
  const start = caps.groupFloor ? cursor.varint() || undefined : readOptional(cursor);
  const end = readOptional(cursor);
  return {
    priority,
    ordered,
    maxLatency,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
  };
}
