import { putNumber } from "./numbers.ts";
import { propertiesFor, propertiesOfStatus } from "./object-properties.ts";
import { NORMAL, type ObjectStatus, statusNumber } from "./object-status.ts";
import type { Capabilities } from "./versions.ts";

/** Bytes of numbers in the longest header: id, length of the properties, size. A status is there only with the size 0. */
const NUMBERS = 3 * 9;

/** Lengths for which a view of the memory is made in advance. Most headers are shorter, with their properties. */
const COMMON = 64;

/** Memory of {@link encodeObjectHeader}. It grows to the longest properties that there were. */
let memory = new Uint8Array(1024);
let views = viewsOf(memory);

/**
 * Bytes of an object on a subgroup stream that precede its payload, valid until the next call.
 *
 * - `size`: bytes of payload.
 * - `idDelta`: ids between the object before on the stream and this one; for the first object its id.
 * - `properties`: in the form of draft 18 and later. Absent: those of an object from moq-lite, which are its `timestamp`.
 * - `status`: absent for an object with payload, also for an empty one. One that the draft does not have is a RangeError.
 */
export function encodeObjectHeader(
  caps: Capabilities,
  size: number,
  idDelta: number,
  properties: Uint8Array | undefined,
  status: ObjectStatus | undefined,
  timestamp: number | undefined,
): Uint8Array {
  const { leadingOnes } = caps;
  const written =
    status === undefined ? propertiesFor(caps, properties, timestamp) : propertiesOfStatus(caps, properties, status);
  if (written.length + NUMBERS > memory.length) grow(written.length + NUMBERS);
  let at = putNumber(leadingOnes, memory, 0, idDelta);
  at = putNumber(leadingOnes, memory, at, written.length);
  if (written.length > 0) {
    memory.set(written, at);
    at += written.length;
  }
  at = putNumber(leadingOnes, memory, at, size);
  if (size === 0) memory[at++] = status === undefined ? NORMAL : statusNumber(status, caps);
  return views[at] ?? memory.subarray(0, at);
}

function grow(needed: number): void {
  memory = new Uint8Array(2 * needed);
  views = viewsOf(memory);
}

function viewsOf(of: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: COMMON + 1 }, (_, length) => of.subarray(0, length));
}
