/**
 * Properties of tracks and objects in two forms. That of draft 18 and later is the one of the model, so between these drafts they stay the
 * same byte for byte. Drafts 14 and 16 have other varints, and draft 14 has types instead of deltas.
 */
import { LEADING_ONES_VARINTS, ProtocolViolation, READ } from "../codec/index.ts";
import { newCursor, newWriter } from "./codec.ts";
import { byType, type KeyValue, type KeyValueForm, putKeyValues, readKeyValues } from "./key-values.ts";

/** The form of draft 18 and later. */
export const PRESENT: KeyValueForm = { varints: LEADING_ONES_VARINTS, propertyDeltas: true };

/** `properties` of a draft before 18, whose form has been checked, as draft 18 has them: by ascending type. */
export function toPresent(properties: Uint8Array, form: KeyValueForm): Uint8Array {
  return converted(properties, form, PRESENT);
}

/**
 * `properties` in the form of draft 18, as a draft has them. What the draft cannot write is left out: numbers of 2^62 and above, and what is
 * malformed, as only a publisher in this process can make it: what peers send has been checked.
 */
export function fromPresent(properties: Uint8Array, form: KeyValueForm): Uint8Array {
  try {
    return converted(properties, PRESENT, form);
  } catch (error) {
    if (error instanceof ProtocolViolation) return READ;
    throw error;
  }
}

function converted(properties: Uint8Array, from: KeyValueForm, to: KeyValueForm): Uint8Array {
  const pairs: KeyValue[] = [];
  readKeyValues(newCursor(properties, "Properties", from), from, (pair) => pairs.push(pair));
  const { max } = to.varints;
  let last = 0n;
  const kept = pairs.toSorted(byType).filter(({ type, value }) => {
    const fits = (to.propertyDeltas ? type - last : type) <= max && (typeof value !== "bigint" || value <= max);
    if (fits) last = type;
    return fits;
  });
  return putKeyValues(newWriter(to), kept, to).finish();
}
