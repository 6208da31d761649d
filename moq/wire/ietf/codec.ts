/** The shared readers and writers with the varints of a draft. */
import { Cursor, Inbox, Writer } from "../codec/index.ts";
import { MESSAGE_BYTES } from "./limits.ts";
import type { Capabilities } from "./versions.ts";

type Varints = Pick<Capabilities, "varints">;

/** Reads one complete message or value; see {@link Cursor}. */
export function newCursor(bytes: Uint8Array, clause: string, caps: Varints): Cursor {
  return new Cursor(caps.varints, bytes, clause);
}

/** Holds the unread bytes of one stream; see {@link Inbox}. */
export function newInbox(caps: Varints): Inbox {
  return new Inbox(caps.varints);
}

/** Builds one message or value; see {@link Writer}. */
export function newWriter(caps: Varints): Writer {
  return new Writer(caps.varints);
}

/** A control message: its type, 16 bits of length, and `body`. A body that is too long is a RangeError. */
export function framed(type: number, body: Uint8Array, caps: Varints): Uint8Array {
  if (body.length > MESSAGE_BYTES) throw new RangeError(`message of ${body.length} bytes, at most ${MESSAGE_BYTES}`);
  return newWriter(caps)
    .varint(type)
    .u8(body.length >> 8)
    .u8(body.length & 0xff)
    .raw(body)
    .finish();
}

/** A length, then as many bytes: a view of the message, not a copy. */
export function readBytes(cursor: Cursor, limit: number): Uint8Array {
  const length = cursor.varint();
  if (length > limit) throw cursor.violation(`${length} bytes, at most ${limit}`);
  return cursor.raw(length);
}

/** Writes a length, then the bytes. */
export function putBytes(writer: Writer, bytes: Uint8Array): Writer {
  return writer.varint(bytes.length).raw(bytes);
}

/** Milliseconds, a count or a bound: larger values than 2^53-1 are read as that. */
export function readCount(cursor: Cursor): number {
  return Math.min(cursor.saturating(), Number.MAX_SAFE_INTEGER);
}
