import { ProtocolViolation, type WireLimits } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { CUT, CutHeader } from "./cut-header.ts";
import { checkPropertyBytes, ObjectPropertiesReader, propertiesFor, propertiesOfStatus } from "./object-properties.ts";
import { checkedStatus, NORMAL, type ObjectStatus, statusNumber } from "./object-status.ts";
import type { Capabilities } from "./versions.ts";

/** OBJECT_DATAGRAM: an object that no stream has. */
export interface ObjectDatagram {
  readonly trackAlias: number;
  readonly group: number;
  readonly object: number;
  /** 0 to 255, lower first. Absent: that of the track. */
  readonly priority?: number;
  /** The group has no object after this one. */
  readonly endsGroup: boolean;
  /** Absent: an object with payload, which may be empty. */
  readonly status?: ObjectStatus;
  /** Of a decoded datagram: in the form of draft 18 and later, empty where the object has none. To be written: as `encodeObjectHeader` has them. */
  readonly properties: Uint8Array | undefined;
  /** To be written where there are no properties: in the track's timescale. */
  readonly timestamp?: number | undefined;
  /** Of a decoded datagram: a view of it. */
  readonly payload: Uint8Array;
}

/** A datagram that was read. The timestamp depends on the track, which its alias names. */
export interface ReceivedDatagram extends ObjectDatagram {
  readonly properties: Uint8Array;
  /** The timestamp among the properties, in units of `timescale`; absent where there is none. */
  timestampIn(timescale: number): number | undefined;
}

/** Bits of the type. */
const PROPERTIES = 0x01;
const END_OF_GROUP = 0x02;
const ZERO_OBJECT_ID = 0x04;
const DEFAULT_PRIORITY = 0x08;
const STATUS = 0x20;

const PADDING_DATAGRAM = 0x132b3e29;

/** Where draft 14 needs a priority: that of a track for which none is said. */
const MIDDLE_PRIORITY = 128;

const CLAUSE = "OBJECT_DATAGRAM";

export function encodeObjectDatagram(datagram: ObjectDatagram, caps: Capabilities): Uint8Array {
  const { object, priority, status, timestamp } = datagram;
  const properties =
    status === undefined
      ? propertiesFor(caps, datagram.properties, timestamp)
      : propertiesOfStatus(caps, datagram.properties, status);
  const noPriority = priority === undefined && caps.defaultPriority;
  const zero = object === 0 && (status === undefined || caps.defaultPriority);
  const writer = newWriter(caps)
    .varint(
      (properties.length > 0 ? PROPERTIES : 0) |
        (datagram.endsGroup && status === undefined ? END_OF_GROUP : 0) |
        (zero ? ZERO_OBJECT_ID : 0) |
        (noPriority ? DEFAULT_PRIORITY : 0) |
        (status === undefined ? 0 : STATUS),
    )
    .varint(datagram.trackAlias)
    .varint(datagram.group);
  if (!zero) writer.varint(object);
  if (!noPriority) writer.u8(priority ?? MIDDLE_PRIORITY);
  if (properties.length > 0) writer.varint(properties.length).raw(properties);
  if (status !== undefined) return writer.varint(statusNumber(status, caps)).finish();
  return writer.raw(datagram.payload).finish();
}

/** A datagram that its receiver ignores; nothing where the draft has none. */
export function encodePaddingDatagram(caps: Capabilities): Uint8Array | undefined {
  return caps.padding ? newWriter(caps).varint(PADDING_DATAGRAM).finish() : undefined;
}

/**
 * Returns nothing for padding, and for what draft 14 says of an object that does not exist. Whatever the draft does not allow is a violation,
 * also a datagram that is cut off.
 */
export function decodeObjectDatagram(
  bytes: Uint8Array,
  caps: Capabilities,
  limits: WireLimits,
): ReceivedDatagram | undefined {
  const header = new CutHeader(caps.varints, CLAUSE);
  header.begin(bytes, 0);
  const type = whole(header.varint());
  if (caps.padding && type === PADDING_DATAGRAM) return undefined;
  if (!isDatagramType(type, caps)) throw header.violation("unknown datagram type");
  const trackAlias = whole(header.varint());
  const group = whole(header.varint());
  const object = (type & ZERO_OBJECT_ID) === 0 ? whole(header.varint()) : 0;
  const priority = (type & DEFAULT_PRIORITY) === 0 ? whole(header.u8()) : undefined;
  const length = (type & PROPERTIES) === 0 ? 0 : whole(header.varint());
  if (length === 0 && (type & PROPERTIES) !== 0) throw header.violation("properties of length 0");
  checkPropertyBytes(length);
  const from = whole(header.skip(length));
  const reader = new ObjectPropertiesReader(caps, header);
  const properties = reader.read(bytes, from, from + length);
  const number = (type & STATUS) === 0 ? NORMAL : whole(header.varint());
  const status = number === NORMAL ? undefined : checkedStatus(number, properties, caps, header);
  const payload = bytes.subarray(header.end());
  if ((type & STATUS) !== 0 && payload.length > 0) throw header.violation("payload beside a status");
  if (payload.length > limits.frameBytes || status === "does_not_exist") return undefined;
  return {
    trackAlias,
    group,
    object,
    ...(priority === undefined ? {} : { priority }),
    endsGroup: (type & END_OF_GROUP) !== 0,
    ...(status === undefined ? {} : { status }),
    properties,
    payload,
    timestampIn: (timescale) => reader.timestamp(timescale),
  };
}

/** Draft 14 has a status only with an object id, and no default priority. No draft has a status at the end of a group. */
function isDatagramType(type: number, { defaultPriority }: Capabilities): boolean {
  const known = PROPERTIES | END_OF_GROUP | ZERO_OBJECT_ID | STATUS | (defaultPriority ? DEFAULT_PRIORITY : 0);
  const status = (type & STATUS) !== 0;
  const withStatus = defaultPriority ? END_OF_GROUP : END_OF_GROUP | ZERO_OBJECT_ID;
  return type < 0x80 && (type & ~known) === 0 && !(status && (type & withStatus) !== 0);
}

function whole(field: number): number {
  if (field === CUT) throw new ProtocolViolation(CLAUSE, "ends too early");
  return field;
}
