/** Variable-length integers (RFC 9000 section 16). */

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

/** The whole varint at `at` as a number; above 2^53-1 it is only near. */
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

/**
 * Signed numbers interleave with unsigned ones, so that small values of either sign stay short (moq-lite FRAME,
 * Timestamp Delta). They may be any safe integer, whose mapping needs 54 bits: above 53 it is made of bigints.
 */
export function signedLength(value: number): number {
  return varintLength(interleave(value));
}

/** Writes `value`, a safe integer, at `at`; returns the position after it. */
export function putSigned(into: Uint8Array, at: number, value: number): number {
  const mapped = interleave(value);
  if (mapped <= Number.MAX_SAFE_INTEGER) return putVarint(into, at, mapped);
  const exact = BigInt(value);
  const bits = exact < 0n ? -exact * 2n - 1n : exact * 2n;
  putU32(into, at, (0xc000_0000 | Number(bits >> 32n)) >>> 0);
  putU32(into, at + 4, Number(bits & 0xffff_ffffn));
  return at + 8;
}

/** The whole signed varint at `at`; NaN for one beyond ±(2^53-1). */
export function getSigned(from: Uint8Array, at: number): number {
  const mapped = getVarint(from, at);
  if (mapped <= Number.MAX_SAFE_INTEGER) return mapped % 2 === 0 ? mapped / 2 : -(mapped + 1) / 2;
  const exact = getVarintBig(from, at);
  const value = Number(exact % 2n === 0n ? exact / 2n : -((exact + 1n) / 2n));
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Above 2^53 only near, which is enough for a length. */
function interleave(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}
