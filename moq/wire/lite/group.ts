import type { Cursor } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { UNI_STREAM } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** GROUP: which subscription and group the frames of a stream belong to. */
export interface GroupHeader {
  readonly subscribe: number;
  readonly sequence: number;
  /** Index of the first frame on the stream; absent for 0, and in versions without it. */
  readonly firstFrame?: number;
}

/** The stream type and GROUP, as a Group Stream begins. */
export function encodeGroupStream(caps: Capabilities, header: GroupHeader): Uint8Array {
  const writer = newWriter().varint(header.subscribe).varint(header.sequence);
  if (caps.frameRanges) writer.varint(header.firstFrame ?? 0);
  return writer.message(Uint8Array.of(UNI_STREAM.group));
}

export function readGroup(cursor: Cursor, caps: Capabilities): GroupHeader {
  const subscribe = cursor.varint();
  const sequence = cursor.varint();
  const firstFrame = caps.frameRanges ? cursor.varint() : 0;
  return { subscribe, sequence, ...(firstFrame === 0 ? {} : { firstFrame }) };
}
