import { LEADING_ONES_VARINTS } from "../codec/index.ts";

const IMMUTABLE_PROPERTIES = 0x0b;

/**
 * Whether a property of the type `type`, which is even, has a value that `test` passes, in Immutable Properties as well. `properties` are those of a
 * track or an object in the form of draft 18. Nothing that follows a malformed one is found.
 */
export function someProperty(properties: Uint8Array, type: number, test: (value: number) => boolean): boolean {
  return search(properties, 0, properties.length, true, type, test);
}

function search(
  bytes: Uint8Array,
  from: number,
  to: number,
  outer: boolean,
  wanted: number,
  test: (value: number) => boolean,
): boolean {
  const varints = LEADING_ONES_VARINTS;
  let type = 0;
  // Parity apart, because types over 2^53 are inexact.
  let odd = 0;
  for (let at = from; at < to; ) {
    const valueAt = at + varints.size(bytes[at] ?? 0);
    const after = valueAt + varints.size(bytes[valueAt] ?? 0);
    if (valueAt >= to || after > to) return false;
    type += varints.read(bytes, at);
    odd ^= (bytes[valueAt - 1] ?? 0) & 1;
    const value = varints.read(bytes, valueAt);
    if (odd === 0 && type === wanted && test(value)) return true;
    at = odd === 0 ? after : after + value;
    if (odd === 0 || type !== IMMUTABLE_PROPERTIES || !outer || at > to) continue;
    if (search(bytes, after, at, false, wanted, test)) return true;
  }
  return false;
}
