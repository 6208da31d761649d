import type { Cursor, Writer } from "../codec/index.ts";
import { readOptional } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** Which frames of the groups at both ends of a range are asked for (moq-lite Positions). */
export interface FrameRange {
  /** Index of the first frame in the first group; absent for 0. */
  readonly startFrame?: number;
  /** Index of the last frame in the last group; absent for all of them. */
  readonly endFrame?: number;
}

/** Frame Start and Frame End. Writes nothing in versions without them. */
export function putFrames(writer: Writer, { startFrame = 0, endFrame }: FrameRange, caps: Capabilities): Writer {
  if (!caps.frameRanges) return writer;
  return writer.varint(startFrame).varint(endFrame === undefined ? 0 : endFrame + 1);
}

export function readFrames(cursor: Cursor, caps: Capabilities): FrameRange {
  if (!caps.frameRanges) return {};
  const startFrame = cursor.varint();
  const endFrame = readOptional(cursor);
  return {
    ...(startFrame === 0 ? {} : { startFrame }),
    ...(endFrame === undefined ? {} : { endFrame }),
  };
}
