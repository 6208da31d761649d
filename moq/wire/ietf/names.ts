import type { Cursor, Writer } from "../codec/index.ts";
import { putBytes, readBytes } from "./codec.ts";
import { FULL_TRACK_NAME_BYTES, NAMESPACE_FIELDS } from "./limits.ts";

/** A namespace or a part of one: fields of bytes, each of at least one byte. */
export type Namespace = readonly Uint8Array[];

/** Names one track (Track Naming). */
export interface FullTrackName {
  readonly namespace: Namespace;
  readonly name: Uint8Array;
}

/** Copies of the fields. */
export function readNamespace(cursor: Cursor): Namespace {
  const count = cursor.varint();
  if (count > NAMESPACE_FIELDS) throw cursor.violation(`${count} namespace fields, at most ${NAMESPACE_FIELDS}`);
  const fields: Uint8Array[] = [];
  let left = FULL_TRACK_NAME_BYTES;
  for (let i = 0; i < count; i++) {
    const field = readBytes(cursor, left);
    if (field.length === 0) throw cursor.violation("empty namespace field");
    left -= field.length;
    fields.push(field.slice());
  }
  return fields;
}

export function readFullTrackName(cursor: Cursor): FullTrackName {
  const namespace = readNamespace(cursor);
  const name = readBytes(cursor, FULL_TRACK_NAME_BYTES - bytesOf(namespace)).slice();
  return { namespace, name };
}

export function putNamespace(writer: Writer, namespace: Namespace): Writer {
  writer.varint(namespace.length);
  for (const field of namespace) putBytes(writer, field);
  return writer;
}

export function putFullTrackName(writer: Writer, { namespace, name }: FullTrackName): Writer {
  return putBytes(putNamespace(writer, namespace), name);
}

function bytesOf(namespace: Namespace): number {
  return namespace.reduce((sum, field) => sum + field.length, 0);
}
