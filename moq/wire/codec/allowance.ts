/**
 * How much work may be done now, in units of about a microsecond. A reader subtracts what it reads, stops when nothing is left, and
 * returns the bytes that it has not read. The allowance of a session is in `moq/model/scheduler.ts`.
 */
export interface Allowance {
  left: number;
  /** True, with something in `left`, when the reader may go on. */
  more(): boolean;
}

/** For readers that need not share the thread. */
export const UNBOUNDED: Allowance = { left: Number.POSITIVE_INFINITY, more: () => true };

/** Units of a message, including what it causes, and of a frame. */
export const MESSAGE_UNITS = 16;
export const FRAME_UNITS = 1;
/** Bytes of payload that count as one unit, as a power of 2. They are copied once and then passed on by reference. */
export const PAYLOAD_UNIT_BITS = 13;

/** Everything was read. */
export const READ = new Uint8Array(0);
