import { type Cursor, RequestViolation, type WireLimits } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { putFrames, readFrames } from "./frame-range.ts";
import { readPath, readTrackName } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** FETCH: asks for one group, or for a part of it. The answer is its frames, bare. */
export interface Fetch {
  readonly path: string;
  readonly track: string;
  /** 0 for the current generation, and in versions without it. */
  readonly epoch: bigint;
  /** 0 to 255, higher first. */
  readonly priority: number;
  readonly group: number;
  /** Index of the first frame; absent for 0, and in versions without it. */
  readonly startFrame?: number;
  /** Index of the last frame; absent for the last one of the group, and in versions without it. */
  readonly endFrame?: number;
}

export function encodeFetch(message: Fetch, caps: Capabilities): Uint8Array {
  const writer = newWriter().string(message.path).string(message.track);
  if (caps.epochs) writer.varintBig(message.epoch);
  return putFrames(writer.u8(message.priority).varint(message.group), message, caps).message();
}

export function readFetch(cursor: Cursor, caps: Capabilities, limits: WireLimits): Fetch {
  const path = readPath(cursor, limits);
  const track = readTrackName(cursor, limits);
  const epoch = caps.epochs ? cursor.varintBig() : 0n;
  const priority = cursor.u8();
  const group = cursor.varint();
  const frames = readFrames(cursor, caps);
  const { startFrame = 0, endFrame = startFrame } = frames;
  if (endFrame < startFrame) throw new RequestViolation("FETCH", "frames end before they start");
  return { path, track, epoch, priority, group, ...frames };
}
