import type { Cursor, WireLimits, Writer } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { MessageReader, readOptional, readPath, readTrackName } from "./message.ts";
import { PROPERTIES_BYTES } from "./object.ts";
import type { Capabilities } from "./versions.ts";

/** TRACK: asks for a track's properties. */
export interface Track {
  readonly path: string;
  readonly track: string;
  /** 0 for the current generation, and in versions without it. */
  readonly epoch: bigint;
}

/** TRACK_INFO: the properties, which never change during the track's life. */
export interface TrackInfo {
  /** 0 when the publisher assigns none, and in versions without it. */
  readonly epoch: bigint;
  /** 0 to 255. */
  readonly priority: number;
  /** False in versions without it. */
  readonly ordered: boolean;
  /** Milliseconds that a group which is not the newest is kept. */
  readonly maxLatency: number;
  /** Timestamp units per second, not 0. */
  readonly timescale: number;
  /** Opaque properties of moq-transport; absent where the track has none, and in versions without objects. */
  readonly properties?: Uint8Array;
}

export function encodeTrack(message: Track, caps: Capabilities): Uint8Array {
  const writer = newWriter(caps).string(message.path).string(message.track);
  if (caps.epochs) writer.varintBig(message.epoch);
  return writer.message();
}

export function readTrack(cursor: Cursor, caps: Capabilities, limits: WireLimits): Track {
  const path = readPath(cursor, limits);
  const track = readTrackName(cursor, limits);
  return { path, track, epoch: caps.epochs ? cursor.varintBig() : 0n };
}

export function encodeTrackInfo(message: TrackInfo, caps: Capabilities): Uint8Array {
  return putTrackInfo(newWriter(caps), message, caps).message();
}

/** The body of TRACK_INFO. */
export function putTrackInfo(writer: Writer, message: TrackInfo, caps: Capabilities): Writer {
  if (caps.epochs) writer.varintBig(message.epoch);
  writer.u8(message.priority);
  if (caps.groupOrder) writer.bool(message.ordered);
  writer.varint(message.maxLatency).varint(message.timescale);
  if (!caps.objects) return writer;
  const { properties } = message;
  return properties === undefined ? writer.varint(0) : writer.varint(properties.length + 1).raw(properties);
}

export function readTrackInfo(cursor: Cursor, caps: Capabilities): TrackInfo {
  const epoch = caps.epochs ? cursor.varintBig() : 0n;
  const priority = cursor.u8();
  const ordered = caps.groupOrder && cursor.bool();
  const maxLatency = cursor.varint();
  const timescale = cursor.varint();
  if (timescale === 0) throw cursor.violation("timescale of 0");
  const length = caps.objects ? readOptional(cursor) : undefined;
  const info = { epoch, priority, ordered, maxLatency, timescale };
  // A copy: the message is valid during the call, and the properties outlive it.
  return length === undefined ? info : { ...info, properties: new Uint8Array(cursor.raw(length)) };
}

/** Bounds of messages with the properties of a track, where the version has them. */
export function withProperties(limits: WireLimits, caps: Capabilities): WireLimits {
  return caps.objects ? { ...limits, messageBytes: limits.messageBytes + PROPERTIES_BYTES } : limits;
}

/** Exactly one TRACK_INFO. */
export function trackResponses(caps: Capabilities, limits: WireLimits): MessageReader<TrackInfo> {
  const expected = { clause: "TRACK_INFO", typed: false, read: (cursor: Cursor) => readTrackInfo(cursor, caps) };
  return new MessageReader((index) => (index === 0 ? expected : undefined), withProperties(limits, caps), caps);
}
