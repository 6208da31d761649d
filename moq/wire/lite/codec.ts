/** The shared readers and writers with the varints of a version of moq-lite. Without a version they are those of QUIC, as in the mesh wire. */
import { Cursor, Inbox, QUIC_VARINTS, Writer } from "../codec/index.ts";
import type { Capabilities } from "./versions.ts";

type Version = Pick<Capabilities, "varints">;

/** Reads one complete message; see {@link Cursor}. */
export function newCursor(caps: Version, bytes: Uint8Array, clause: string): Cursor {
  return new Cursor(caps.varints, bytes, clause);
}

/** Holds the unread bytes of one stream; see {@link Inbox}. */
export function newInbox(caps: Version): Inbox {
  return new Inbox(caps.varints);
}

/** Builds one message; see {@link Writer}. */
export function newWriter(caps?: Version): Writer {
  return new Writer(caps?.varints ?? QUIC_VARINTS);
}
