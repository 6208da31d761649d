/** Variable-length integers of QUIC (RFC 9000 section 16). */
import type { VarintCodec } from "./varint.ts";

/** Bytes that `value` takes: 1, 2, 4 or 8. */
export function varintLength(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  return value < 0x4000_0000 ? 4 : 8;
}

/** Writes `value`, an integer from 0 to 2^53-1, at `at`; returns the position after it. */
export function putVarint(into: Uint8Array, at: number, value: number): number {
  if (value < 0x40) {
    into[at] = value;
    return at + 1;
  }
  if (value < 0x4000) {
    into[at] = 0x40 | (value >> 8);
    into[at + 1] = value & 0xff;
    return at + 2;
  }
  if (value < 0x4000_0000) {
    into[at] = 0x80 | (value >>> 24);
    into[at + 1] = (value >>> 16) & 0xff;
    into[at + 2] = (value >>> 8) & 0xff;
    into[at + 3] = value & 0xff;
    return at + 4;
  }
  putU32(into, at, (0xc000_0000 | Math.floor(value / 2 ** 32)) >>> 0);
  putU32(into, at + 4, value >>> 0);
  return at + 8;
}

/** Writes `value`, from 0 to 2^62-1, at `at`; returns the position after it. */
export function putVarintBig(into: Uint8Array, at: number, value: bigint): number {
  if (value < 0x4000_0000n) return putVarint(into, at, Number(value));
  putU32(into, at, (0xc000_0000 | Number(value >> 32n)) >>> 0);
  putU32(into, at + 4, Number(value & 0xffff_ffffn));
  return at + 8;
}

function putU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = (value >>> 16) & 0xff;
  into[at + 2] = (value >>> 8) & 0xff;
  into[at + 3] = value & 0xff;
}

/** Bytes of the varint that begins with `first`. */
export function varintSize(first: number): number {
  return 1 << (first >> 6);
}

/** The whole varint at `at` as a number. A value above 2^53-1 is approximate. */
export function getVarint(from: Uint8Array, at: number): number {
  const first = from[at] ?? 0;
  const size = varintSize(first);
  let value = first & 0x3f;
  for (let i = 1; i < size; i++) value = value * 256 + (from[at + i] ?? 0);
  return value;
}

/** The whole varint at `at`, exactly. */
export function getVarintBig(from: Uint8Array, at: number): bigint {
  const first = from[at] ?? 0;
  const size = varintSize(first);
  let value = BigInt(first & 0x3f);
  for (let i = 1; i < size; i++) value = value * 256n + BigInt(from[at + i] ?? 0);
  return value;
}

/** For the shared readers and writers of a family whose varints are those of QUIC. */
export const QUIC_VARINTS: VarintCodec = {
  longest: 8,
  max: 2n ** 62n - 1n,
  size: varintSize,
  read: getVarint,
  readBig: getVarintBig,
  length: varintLength,
  write: putVarint,
  writeBig: putVarintBig,
};
