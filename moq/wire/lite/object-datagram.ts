import { getVarint, varintSize } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { DATAGRAM_BYTES } from "./datagram.ts";
import { hasProperties, type ObjectStatus, propertyFlags, statusFlags, statusOf, withoutProperties } from "./object.ts";

/** An object in a QUIC datagram of the mesh wire. */
export interface ObjectDatagram {
  readonly subscribe: number;
  readonly group: number;
  readonly object: number;
  /** Absolute, in the track's timescale, from 0 to 2^53-1; absent where the publisher sent none. */
  readonly timestamp: number | undefined;
  /** 0 to 255, higher first; absent: that of the track. */
  readonly priority?: number;
  readonly properties: Uint8Array | undefined;
  readonly status?: ObjectStatus;
  /** The group has no object after this one. */
  readonly endsGroup: boolean;
  /** Of a decoded datagram: a view of the body. */
  readonly payload: Uint8Array;
}

/** Beside the flags of properties and status: a priority, a timestamp, the end of the group. */
const PRIORITY = 0x01;
const TIMESTAMP = 0x08;
const ENDS_GROUP = 0x40;

/** A timestamp before 0 is written as 0. */
export function encodeObjectDatagram(datagram: ObjectDatagram): Uint8Array {
  const { subscribe, group, object, timestamp, priority, properties, status, endsGroup, payload } = datagram;
  const flags =
    (priority === undefined ? 0 : PRIORITY) |
    (timestamp === undefined ? 0 : TIMESTAMP) |
    (endsGroup ? ENDS_GROUP : 0) |
    propertyFlags(properties) |
    statusFlags(status);
  const writer = newWriter().varint(subscribe).varint(group).varint(object).u8(flags);
  if (timestamp !== undefined) writer.varint(Math.max(0, timestamp));
  if (priority !== undefined) writer.u8(priority);
  if (properties !== undefined && properties.length > 0) writer.varint(properties.length).raw(properties);
  return writer.raw(payload).finish();
}

/** Returns nothing for a body that is too long or malformed: such a datagram is dropped, and the session goes on. */
export function decodeObjectDatagram(bytes: Uint8Array): ObjectDatagram | undefined {
  if (bytes.length > DATAGRAM_BYTES) return undefined;
  const read = new Fields(bytes);
  const [subscribe, group, object] = [read.varint(), read.varint(), read.varint()];
  const flags = read.u8();
  const timestamp = (flags & TIMESTAMP) === 0 ? undefined : read.varint();
  const priority = (flags & PRIORITY) === 0 ? undefined : read.u8();
  const properties = hasProperties(flags) ? read.raw(read.varint()) : withoutProperties(flags);
  const status = statusOf(flags);
  const payload = read.rest();
  if (read.failed || flags >= 0x80 || (status !== undefined && payload.length > 0)) return undefined;
  return {
    subscribe,
    group,
    object,
    timestamp,
    properties,
    endsGroup: (flags & ENDS_GROUP) !== 0,
    payload,
    ...(priority === undefined ? {} : { priority }),
    ...(status === undefined ? {} : { status }),
  };
}

/** The fields of a datagram. Once one of them is malformed, the rest reads as nothing. */
class Fields {
  readonly #bytes: Uint8Array;
  #at = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  varint(): number {
    const at = this.#at;
    const first = this.#bytes[at];
    if (first === undefined || at + varintSize(first) > this.#bytes.length) return this.#fail();
    this.#at += varintSize(first);
    const value = getVarint(this.#bytes, at);
    return Number.isSafeInteger(value) ? value : this.#fail();
  }

  u8(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) return this.#fail();
    this.#at++;
    return value;
  }

  raw(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) this.#fail();
    const from = this.#at;
    this.#at = Math.min(from + length, this.#bytes.length);
    return this.#bytes.subarray(from, this.#at);
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  #fail(): number {
    this.failed = true;
    this.#at = this.#bytes.length;
    return 0;
  }
}
