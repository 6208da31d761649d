import type { LinkClosed } from "../../moq/link.ts";

/** Numbers of a record: kind, link, stream (or listener, or dial), and two whose meaning depends on the kind. */
export const RECORD = 5;

/**
 * Kinds of records; `engine/src/batch.rs` has the same numbers. For records with bytes or text, the last two
 * numbers are offset and length in the batch's buffer. Otherwise the fourth number is a code or a number of bytes.
 */
export const KIND = {
  request: 1,
  dialled: 2,
  dialFailed: 3,
  closed: 4,
  uni: 5,
  bidi: 6,
  data: 7,
  fin: 8,
  reset: 9,
  stop: 10,
  datagram: 11,
  capacity: 12,
  backlog: 13,
  drained: 14,
  gone: 15,
  listenerClosed: 16,
  warning: 17,
  dark: 18,
  mark: 19,
  unpassed: 20,
} as const;

/** Numbers of framings in `Native.pass`; `engine/src/frames.rs` has the same. */
export const FRAMINGS = { sized: 0, timed: 1, timed_ones: 2, flagged: 3 } as const;

/** Low bits of a stream's and of a link's id: the index in tables. */
export const STREAM_SLOT = (1 << 20) - 1;
export const LINK_SLOT = (1 << 16) - 1;

/** Numbers of {@link EndRecord.figures} and of `Native.stats`. */
export const FIGURES = 6;

/** Numbers of each worker in `Native.pulses`. */
export const PULSE_FIGURES = 4;

/** Numbers of `Native.handshakes`. */
export const HANDSHAKE_FIGURES = 4;

/** The end of a link, as JSON. */
export interface EndRecord extends LinkClosed {
  /** The link's last figures, in the order of `Native.stats`. */
  readonly figures: readonly number[];
}

/** A new link, as JSON. */
export interface MetaRecord {
  readonly binding: "webtransport" | "quic";
  readonly protocol: string;
  readonly authority: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly address: string;
  readonly port: number;
  /** Hexadecimal DER. */
  readonly certificate?: string;
}
