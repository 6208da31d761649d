import { putLeadingOnes, putVarint } from "../codec/index.ts";

/**
 * Writes `value`, an integer from 0 to 2^53-1, at `at`; returns the position after it. For code that runs for every object: both
 * functions can be inlined, which a call through a codec cannot.
 */
export function putNumber(leadingOnes: boolean, into: Uint8Array, at: number, value: number): number {
  return leadingOnes ? putLeadingOnes(into, at, value) : putVarint(into, at, value);
}
