/**
 * Properties of tracks and objects in two forms. That of draft 18 and later is the one of the model, so between these drafts they stay the
 * same byte for byte. Drafts 14 and 16 have other varints, and draft 14 has types instead of deltas.
 */
import { Cursor, LEADING_ONES_VARINTS, ProtocolViolation, READ, type VarintCodec, Writer } from "../codec/index.ts";
import type { Capabilities } from "./versions.ts";

interface Pair {
  readonly type: bigint;
  readonly value: bigint | Uint8Array;
}

interface Form {
  readonly varints: VarintCodec;
  readonly deltas: boolean;
}

const PRESENT: Form = { varints: LEADING_ONES_VARINTS, deltas: true };

/** `properties` of a draft before 18, whose form has been checked, as draft 18 has them: by ascending type. */
export function toPresent(properties: Uint8Array, caps: Capabilities): Uint8Array {
  return written(read(properties, formOf(caps)), PRESENT);
}

/**
 * `properties` in the form of draft 18, as `caps` has them. What the draft cannot write is left out: numbers of 2^62 and above, and what is
 * malformed, as only a publisher in this process can make it: what peers send has been checked.
 */
export function fromPresent(properties: Uint8Array, caps: Capabilities): Uint8Array {
  const form = formOf(caps);
  const { max } = form.varints;
  const fits = ({ type, value }: Pair) => type <= max && (typeof value !== "bigint" || value <= max);
  try {
    return written(read(properties, PRESENT).filter(fits), form);
  } catch (error) {
    if (error instanceof ProtocolViolation) return READ;
    throw error;
  }
}

function formOf({ varints, propertyDeltas }: Capabilities): Form {
  return { varints, deltas: propertyDeltas };
}

function read(properties: Uint8Array, { varints, deltas }: Form): Pair[] {
  const cursor = new Cursor(varints, properties, "Properties");
  const pairs: Pair[] = [];
  let type = 0n;
  while (cursor.left > 0) {
    type = cursor.varintBig() + (deltas ? type : 0n);
    pairs.push({ type, value: type % 2n === 0n ? cursor.varintBig() : cursor.raw(cursor.varint()) });
  }
  return pairs;
}

function written(pairs: readonly Pair[], { varints, deltas }: Form): Uint8Array {
  const writer = new Writer(varints);
  let last = 0n;
  for (const { type, value } of pairs.toSorted((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0))) {
    writer.varintBig(deltas ? type - last : type);
    last = type;
    if (typeof value === "bigint") writer.varintBig(value);
    else writer.varint(value.length).raw(value);
  }
  return writer.finish();
}
