/** The shared readers and writers with the varints of moq-lite, which are those of QUIC. */
import { Cursor, Inbox, QUIC_VARINTS, Writer } from "../codec/index.ts";

/** Reads one complete message; see {@link Cursor}. */
export function newCursor(bytes: Uint8Array, clause: string): Cursor {
  return new Cursor(QUIC_VARINTS, bytes, clause);
}

/** Holds the unread bytes of one stream; see {@link Inbox}. */
export function newInbox(): Inbox {
  return new Inbox(QUIC_VARINTS);
}

/** Builds one message; see {@link Writer}. */
export function newWriter(): Writer {
  return new Writer(QUIC_VARINTS);
}
