import type { Cursor, Writer } from "../codec/index.ts";
import { putBytes, readBytes } from "./codec.ts";
import { KEY_VALUE_BYTES } from "./limits.ts";
import type { Capabilities } from "./versions.ts";

/** A pair of type and value: a number where the type is even, else bytes (Key-Value-Pair Structure). */
export type KeyValue =
  | { readonly type: bigint; readonly value: bigint }
  | { readonly type: bigint; readonly value: Uint8Array };

/** How a draft writes pairs. */
export type KeyValueForm = Pick<Capabilities, "varints" | "propertyDeltas">;

/** Types and values are numbers of 64 bits. */
const MAX = 2n ** 64n - 1n;

/** The next type, where `last` was the one before it. */
export function nextType(cursor: Cursor, last: bigint, form: KeyValueForm): bigint {
  const type = cursor.varintBig() + (form.propertyDeltas ? last : 0n);
  if (type > MAX) throw cursor.violation("type over 2^64-1");
  return type;
}

/**
 * Calls `visit` with each of `count` pairs, or until the cursor ends. The value is a number, or a view of the bytes. Whatever is cut off,
 * too long or over 2^64 is a violation.
 */
export function readKeyValues(
  cursor: Cursor,
  form: KeyValueForm,
  visit: (pair: KeyValue) => void,
  count = Number.POSITIVE_INFINITY,
): void {
  let type = 0n;
  for (let read = 0; read < count && (cursor.left > 0 || count < Number.POSITIVE_INFINITY); read++) {
    type = nextType(cursor, type, form);
    if (type % 2n === 0n) visit({ type, value: cursor.varintBig() });
    else visit({ type, value: readBytes(cursor, KEY_VALUE_BYTES) });
  }
}

/** Writes pairs by ascending type; those of one type in the order given. */
export function putKeyValues(writer: Writer, pairs: readonly KeyValue[], form: KeyValueForm): Writer {
  let last = 0n;
  for (const { type, value } of pairs.toSorted(byType)) {
    writer.varintBig(form.propertyDeltas ? type - last : type);
    last = type;
    if (typeof value === "bigint") writer.varintBig(value);
    else putBytes(writer, value);
  }
  return writer;
}

/** The order in which pairs are written. */
export function byType(a: KeyValue, b: KeyValue): number {
  if (a.type === b.type) return 0;
  return a.type < b.type ? -1 : 1;
}
