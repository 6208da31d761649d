import type { Cursor, WireLimits } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { MessageReader, readPath, readTrackName } from "./message.ts";
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
}

export function encodeTrack(message: Track, caps: Capabilities): Uint8Array {
  const writer = newWriter().string(message.path).string(message.track);
  if (caps.epochs) writer.varintBig(message.epoch);
  return writer.message();
}

export function readTrack(cursor: Cursor, caps: Capabilities, limits: WireLimits): Track {
  const path = readPath(cursor, limits);
  const track = readTrackName(cursor, limits);
  return { path, track, epoch: caps.epochs ? cursor.varintBig() : 0n };
}

export function encodeTrackInfo(message: TrackInfo, caps: Capabilities): Uint8Array {
  const writer = newWriter();
  if (caps.epochs) writer.varintBig(message.epoch);
  writer.u8(message.priority);
  if (caps.groupOrder) writer.bool(message.ordered);
  return writer.varint(message.maxLatency).varint(message.timescale).message();
}

/** Exactly one TRACK_INFO. */
export function trackResponses(caps: Capabilities, limits: WireLimits): MessageReader<TrackInfo> {
  const expected = {
    clause: "TRACK_INFO",
    typed: false,
    read: (cursor: Cursor): TrackInfo => {
      const epoch = caps.epochs ? cursor.varintBig() : 0n;
      const priority = cursor.u8();
      const ordered = caps.groupOrder && cursor.bool();
      const maxLatency = cursor.varint();
      const timescale = cursor.varint();
      if (timescale === 0) throw cursor.violation("timescale of 0");
      return { epoch, priority, ordered, maxLatency, timescale };
    },
  };
  return new MessageReader((index) => (index === 0 ? expected : undefined), limits);
}
