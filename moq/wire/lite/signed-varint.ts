import { getVarint, getVarintBig, putVarint, putVarintBig } from "../codec/index.ts";

/*
 * Signed numbers interleave with unsigned ones, so that small values of either sign stay short (moq-lite FRAME,
 * Timestamp Delta). They may be any safe integer, whose mapping needs 54 bits: above 53 it is computed with bigints.
 */

/** Writes `value`, a safe integer, at `at`; returns the position after it. */
export function putSigned(into: Uint8Array, at: number, value: number): number {
  const mapped = interleave(value);
  if (mapped <= Number.MAX_SAFE_INTEGER) return putVarint(into, at, mapped);
  const exact = BigInt(value);
  const bits = exact < 0n ? -exact * 2n - 1n : exact * 2n;
  return putVarintBig(into, at, bits);
}

/** The whole signed varint at `at`; NaN for one beyond ±(2^53-1). */
export function getSigned(from: Uint8Array, at: number): number {
  const mapped = getVarint(from, at);
  if (mapped <= Number.MAX_SAFE_INTEGER) return mapped % 2 === 0 ? mapped / 2 : -(mapped + 1) / 2;
  const exact = getVarintBig(from, at);
  const value = Number(exact % 2n === 0n ? exact / 2n : -((exact + 1n) / 2n));
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Approximate above 2^53. */
function interleave(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}
