/**
 * The stamp at the beginning of a measured frame's payload: the frame's number in its broadcast and its time of sending, each as eight bytes
 * big-endian. The rest of the payload is filler.
 */

/** Bytes of the stamp. */
export const STAMP_BYTES = 16;

/** Values up to 2^53-1. */
export function putStamp(into: Uint8Array, at: number, frame: number, sentUs: number): void {
  putU64(into, at, frame);
  putU64(into, at + 8, sentUs);
}

/** Number of the frame within its broadcast. */
export function stampFrame(from: Uint8Array): number {
  return getU64(from, 0);
}

/** When it was sent, in microseconds of {@link import("./micros.ts").sharedMicros}. */
export function stampSentUs(from: Uint8Array): number {
  return getU64(from, 8);
}

function putU64(into: Uint8Array, at: number, value: number): void {
  putU32(into, at, Math.floor(value / 2 ** 32));
  putU32(into, at + 4, value >>> 0);
}

function putU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

function getU64(from: Uint8Array, at: number): number {
  return getU32(from, at) * 2 ** 32 + getU32(from, at + 4);
}

function getU32(from: Uint8Array, at: number): number {
  const high = ((from[at] ?? 0) << 8) | (from[at + 1] ?? 0);
  const low = ((from[at + 2] ?? 0) << 8) | (from[at + 3] ?? 0);
  return high * 2 ** 16 + low;
}
