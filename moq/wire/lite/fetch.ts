import { type Cursor, RequestViolation, type WireLimits } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { putFrames, readFrames } from "./frame-range.ts";
import { readPath, readTrackName } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/**
 * FETCH: asks for one group, or for a part of it. The answer is its frames, bare. In versions with objects it asks for a range of objects,
 * and the answer has objects and gaps.
 */
export interface Fetch {
  readonly path: string;
  readonly track: string;
  /** 0 for the current generation, and in versions without it. */
  readonly epoch: bigint;
  /** 0 to 255, higher first. */
  readonly priority: number;
  /** The first group. */
  readonly group: number;
  /** The last group; absent for the first one, and in versions without objects. Not below the first one. */
  readonly endGroup?: number;
  /** The highest group comes first. Absent for false, and in versions without objects. */
  readonly descending?: boolean;
  /** Index or id of the first frame or object; absent for 0, and in versions without it. */
  readonly startFrame?: number;
  /** Index or id of the last one; absent for the last one of the group, and in versions without it. */
  readonly endFrame?: number;
}

export function encodeFetch(message: Fetch, caps: Capabilities): Uint8Array {
  const writer = newWriter(caps).string(message.path).string(message.track);
  if (caps.epochs) writer.varintBig(message.epoch);
  putFrames(writer.u8(message.priority).varint(message.group), message, caps);
  if (caps.objects)
    writer.varint((message.endGroup ?? message.group) - message.group).bool(message.descending === true);
  return writer.message();
}

export function readFetch(cursor: Cursor, caps: Capabilities, limits: WireLimits): Fetch {
  const path = readPath(cursor, limits);
  const track = readTrackName(cursor, limits);
  const epoch = caps.epochs ? cursor.varintBig() : 0n;
  const priority = cursor.u8();
  const group = cursor.varint();
  const frames = readFrames(cursor, caps);
  const groups = caps.objects ? cursor.varint() : 0;
  const descending = caps.objects && cursor.bool();
  const { startFrame = 0, endFrame = startFrame } = frames;
  if (!Number.isSafeInteger(group + groups)) throw cursor.violation("number over 2^53-1");
  if (groups === 0 && endFrame < startFrame) throw new RequestViolation("FETCH", "frames end before they start");
  const range = { ...(groups === 0 ? {} : { endGroup: group + groups }), ...(descending ? { descending } : {}) };
  return { path, track, epoch, priority, group, ...frames, ...range };
}
