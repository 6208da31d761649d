import type { Cursor, Writer } from "../codec/index.ts";
import { putBytes, readBytes } from "./codec.ts";
import { FULL_TRACK_NAME_BYTES, NAMESPACE_FIELDS } from "./limits.ts";
import type { Capabilities } from "./versions.ts";

/** A namespace or a part of one: fields of bytes, each of at least one byte. */
export type Namespace = readonly Uint8Array[];

/** Names one track (Track Naming). */
export interface FullTrackName {
  readonly namespace: Namespace;
  readonly name: Uint8Array;
}

/** What may have no fields: all namespaces since draft 17, and parts of one before. */
type Part = "whole" | "part";

/** Copies of the fields. A part without fields is read in every draft: moq-relay asks for all namespaces with one in draft 14, where 9.28 forbids it. */
export function readNamespace(cursor: Cursor, caps: Capabilities, part: Part = "whole"): Namespace {
  const count = cursor.varint();
  if (count === 0 && part === "whole" && !mayBeEmpty(caps, part)) throw cursor.violation("namespace without fields");
  if (count > NAMESPACE_FIELDS) throw cursor.violation(`${count} namespace fields, at most ${NAMESPACE_FIELDS}`);
  const fields: Uint8Array[] = [];
  let left = FULL_TRACK_NAME_BYTES;
  for (let i = 0; i < count; i++) {
    const field = readBytes(cursor, left);
    if (field.length === 0 && !caps.fixedFields) throw cursor.violation("empty namespace field");
    left -= field.length;
    fields.push(field.slice());
  }
  return fields;
}

export function readFullTrackName(cursor: Cursor, caps: Capabilities, part: Part = "whole"): FullTrackName {
  const namespace = readNamespace(cursor, caps, part);
  const name = readBytes(cursor, FULL_TRACK_NAME_BYTES - bytesOf(namespace)).slice();
  return { namespace, name };
}

/** One that the draft does not allow is a RangeError. */
export function putNamespace(writer: Writer, namespace: Namespace, caps: Capabilities, part: Part = "whole"): Writer {
  if (namespace.length === 0 && !mayBeEmpty(caps, part))
    throw new RangeError(`namespace without fields in ${caps.protocol}`);
  writer.varint(namespace.length);
  for (const field of namespace) putBytes(writer, field);
  return writer;
}

export function putFullTrackName(
  writer: Writer,
  { namespace, name }: FullTrackName,
  caps: Capabilities,
  part: Part = "whole",
): Writer {
  return putBytes(putNamespace(writer, namespace, caps, part), name);
}

function mayBeEmpty({ requestStreams, namespaceStreams }: Capabilities, part: Part): boolean {
  return requestStreams || (namespaceStreams && part === "part");
}

function bytesOf(namespace: Namespace): number {
  return namespace.reduce((sum, field) => sum + field.length, 0);
}
