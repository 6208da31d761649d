import type { Cursor, Writer } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { UNI_STREAM } from "./message.ts";
import type { Capabilities } from "./versions.ts";

/** Which subgroup of a group the objects of a stream belong to. */
export interface SubgroupHeader {
  /** Unique within the group. */
  readonly id: number;
  /** 0 to 255, higher first. Absent: that of the track. */
  readonly priority?: number;
  /** The first object on the stream is the first one of the subgroup. */
  readonly firstObject: boolean;
  /** When the stream finishes, the group has no object after the last one on it. */
  readonly endsGroup: boolean;
}

const FIRST_OBJECT = 0x01;
const ENDS_GROUP = 0x02;
const PRIORITY = 0x04;

/** GROUP: which subscription and group the frames of a stream belong to. */
export interface GroupHeader {
  readonly subscribe: number;
  readonly sequence: number;
  /** Index of the first frame on the stream; absent for 0, and in versions without it. */
  readonly firstFrame?: number;
  /** Absent in versions without objects: the stream has the whole group. */
  readonly subgroup?: SubgroupHeader;
}

/** The stream type and GROUP, as a Group Stream begins. */
export function encodeGroupStream(caps: Capabilities, header: GroupHeader): Uint8Array {
  const writer = newWriter(caps).varint(header.subscribe).varint(header.sequence);
  if (caps.objects) putSubgroup(writer, header.subgroup ?? WHOLE_GROUP);
  else if (caps.frameRanges) writer.varint(header.firstFrame ?? 0);
  return writer.message(Uint8Array.of(UNI_STREAM.group));
}

export function readGroup(cursor: Cursor, caps: Capabilities): GroupHeader {
  const subscribe = cursor.varint();
  const sequence = cursor.varint();
  if (caps.objects) return { subscribe, sequence, subgroup: readSubgroup(cursor) };
  const firstFrame = caps.frameRanges ? cursor.varint() : 0;
  return { subscribe, sequence, ...(firstFrame === 0 ? {} : { firstFrame }) };
}

const WHOLE_GROUP: SubgroupHeader = { id: 0, firstObject: true, endsGroup: true };

function putSubgroup(writer: Writer, { id, priority, firstObject, endsGroup }: SubgroupHeader): void {
  const flags =
    (firstObject ? FIRST_OBJECT : 0) | (endsGroup ? ENDS_GROUP : 0) | (priority === undefined ? 0 : PRIORITY);
  writer.varint(id).u8(flags);
  if (priority !== undefined) writer.u8(priority);
}

function readSubgroup(cursor: Cursor): SubgroupHeader {
  const id = cursor.varint();
  const flags = cursor.u8();
  if (flags > (FIRST_OBJECT | ENDS_GROUP | PRIORITY)) throw cursor.violation("unknown flags");
  return {
    id,
    firstObject: (flags & FIRST_OBJECT) !== 0,
    endsGroup: (flags & ENDS_GROUP) !== 0,
    ...((flags & PRIORITY) === 0 ? {} : { priority: cursor.u8() }),
  };
}
