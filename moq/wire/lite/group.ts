import type { Cursor } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { UNI_STREAM } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** GROUP: which subscription and group the frames of a stream belong to. */
export interface GroupHeader {
  readonly subscribe: number;
  readonly sequence: number;
}

/** The stream type and GROUP, as a Group Stream begins. */
export function encodeGroupStream(_caps: Capabilities, header: GroupHeader): Uint8Array {
  return newWriter().varint(header.subscribe).varint(header.sequence).message(Uint8Array.of(UNI_STREAM.group));
}

export function readGroup(cursor: Cursor): GroupHeader {
  return { subscribe: cursor.varint(), sequence: cursor.varint() };
}
