/**
 * How much work may be done now, in units of about a microsecond. A reader takes from it for what it reads, stops where there is nothing
 * left, and gives back the bytes that it has not read. `moq/model/scheduler.ts` has the one of a session.
 */
export interface Allowance {
  left: number;
  /** True, with something in `left`, when the reader may go on. */
  more(): boolean;
}

/** For readers that nobody else waits for. */
export const UNBOUNDED: Allowance = { left: Number.POSITIVE_INFINITY, more: () => true };

/** Units of a message with what it causes, and of a frame. */
export const MESSAGE_UNITS = 16;
export const FRAME_UNITS = 1;
/** Bytes of payload that count as a unit, as a power of 2: they are copied once, and written on by reference. */
export const PAYLOAD_UNIT_BITS = 13;

/** Nothing was left unread. */
export const READ = new Uint8Array(0);
