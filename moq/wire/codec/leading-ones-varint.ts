/**
 * Variable-length integers of moq-transport since draft 17 (Variable-Length Integers): the ones before the first zero of the first byte
 * count the bytes after it. The form of 7 bytes, and any form longer than necessary, is valid since draft 18.
 */
import type { VarintCodec } from "./varint.ts";

/** Bytes that `value` takes: 1 to 8. */
export function leadingOnesLength(value: number): number {
  if (value < 2 ** 7) return 1;
  if (value < 2 ** 14) return 2;
  if (value < 2 ** 21) return 3;
  if (value < 2 ** 28) return 4;
  if (value < 2 ** 35) return 5;
  if (value < 2 ** 42) return 6;
  return value < 2 ** 49 ? 7 : 8;
}

/** Writes `value`, an integer from 0 to 2^53-1, at `at`; returns the position after it. */
export function putLeadingOnes(into: Uint8Array, at: number, value: number): number {
  if (value < 0x80) {
    into[at] = value;
    return at + 1;
  }
  if (value < 0x4000) {
    into[at] = 0x80 | (value >> 8);
    into[at + 1] = value & 0xff;
    return at + 2;
  }
  if (value < 0x20_0000) {
    into[at] = 0xc0 | (value >> 16);
    into[at + 1] = (value >> 8) & 0xff;
    into[at + 2] = value & 0xff;
    return at + 3;
  }
  if (value < 0x1000_0000) {
    into[at] = 0xe0 | (value >> 24);
    into[at + 1] = (value >> 16) & 0xff;
    into[at + 2] = (value >> 8) & 0xff;
    into[at + 3] = value & 0xff;
    return at + 4;
  }
  const length = leadingOnesLength(value);
  putLow(into, at, length, value);
  // The rest of the first byte: what is left of the value above its last `length - 1` bytes.
  into[at] = onesOf(length) | Math.floor(value / 2 ** (8 * (length - 1)));
  return at + length;
}

/** Writes `value`, from 0 to 2^64-1, at `at`; returns the position after it. */
export function putLeadingOnesBig(into: Uint8Array, at: number, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return putLeadingOnes(into, at, Number(value));
  const length = value < 2n ** 56n ? 8 : 9;
  let left = value;
  for (let i = length - 1; i > 0; i--) {
    into[at + i] = Number(left & 0xffn);
    left >>= 8n;
  }
  into[at] = onesOf(length);
  return at + length;
}

/** The last `length - 1` bytes of a varint of 5 to 8 bytes. */
function putLow(into: Uint8Array, at: number, length: number, value: number): void {
  let left = value;
  for (let i = length - 1; i > 0; i--) {
    into[at + i] = left % 256;
    left = Math.floor(left / 256);
  }
}

/** The first byte of a varint of `length` bytes, its usable bits zero. */
function onesOf(length: number): number {
  return (0xff00 >> (length - 1)) & 0xff;
}

/** Bytes of the varint that begins with `first`: 1 to 9. */
export function leadingOnesSize(first: number): number {
  return Math.clz32(~(first << 24)) + 1;
}

/** The whole varint at `at` as a number. A value above 2^53-1 is approximate. */
export function getLeadingOnes(from: Uint8Array, at: number): number {
  const first = from[at] ?? 0;
  if (first < 0x80) return first;
  const size = leadingOnesSize(first);
  let value = first & (0xff >> size);
  for (let i = 1; i < size; i++) value = value * 256 + (from[at + i] ?? 0);
  return value;
}

/** The whole varint at `at`, exactly. */
export function getLeadingOnesBig(from: Uint8Array, at: number): bigint {
  const first = from[at] ?? 0;
  const size = leadingOnesSize(first);
  let value = BigInt(first & (0xff >> size));
  for (let i = 1; i < size; i++) value = value * 256n + BigInt(from[at + i] ?? 0);
  return value;
}

/** For the shared readers and writers of moq-transport since draft 18. */
export const LEADING_ONES_VARINTS: VarintCodec = {
  longest: 9,
  max: 2n ** 64n - 1n,
  size: leadingOnesSize,
  read: getLeadingOnes,
  readBig: getLeadingOnesBig,
  length: leadingOnesLength,
  write: putLeadingOnes,
  writeBig: putLeadingOnesBig,
};
