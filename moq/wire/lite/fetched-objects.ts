import {
  type Allowance,
  BoundExceeded,
  FRAME_UNITS,
  getVarint,
  PAYLOAD_UNIT_BITS,
  ProtocolViolation,
  READ,
  UNBOUNDED,
  type WireLimits,
  type Writer,
} from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import { HeldHeader } from "./held-header.ts";
import {
  hasProperties,
  type ObjectStatus,
  propertiesLength,
  propertyFlags,
  skip,
  statusFlags,
  statusOf,
  withoutProperties,
} from "./object.ts";
import { getSigned, putSigned } from "./signed-varint.ts";

/*
 * The answer to a FETCH of the mesh wire: objects of several groups, and gaps.
 *
 *   FETCHED_OBJECT { Flags (i), [Group], [Subgroup + 1], [Priority + 1], [Object], [Timestamp Delta (signed)],
 *                    [Properties Length, Properties], Size, Payload }
 *   GAP { Flags (i) = GAP + kind, Group, Object + 1 }
 *
 * A field that is absent is that of the object before; the object is the next one, or the first one of another group.
 */

/** An object of a fetch. */
export interface FetchedObject {
  readonly group: number;
  readonly object: number;
  /** Absent: it was sent as a datagram. */
  readonly subgroup: number | undefined;
  /** 0 to 255, higher first; absent: that of the track. */
  readonly priority: number | undefined;
  readonly size: number;
  readonly status: ObjectStatus | undefined;
  /** Absolute, in the track's timescale; absent where the publisher sent none. */
  readonly timestamp: number | undefined;
  readonly properties: Uint8Array | undefined;
}

/** Why a part of the range has no objects. */
export type FetchGap = "unknown" | "nonexistent" | "timed_out";

/** A place in a track. */
interface Place {
  readonly group: number;
  readonly object: number;
}

/** Is called with what the answer to a FETCH brings. */
export interface FetchSink {
  /** The record and its properties are valid during the call. One with a status is whole at once. */
  object(object: FetchedObject): void;
  payload(bytes: Uint8Array): void;
  end(): void;
  /** Up to `end`, inclusive, no further objects come. */
  gap(kind: FetchGap, end: Place): void;
}

const GAPS: readonly FetchGap[] = ["unknown", "nonexistent", "timed_out"];

/** Flags beside those of properties (0x02, 0x04) and status (0x30). An object that follows the one before has flags of one byte. */
const OBJECT = 0x01;
const TIMESTAMP = 0x08;
const GROUP = 0x40;
const SUBGROUP = 0x80;
const PRIORITY = 0x100;
const GAP = 0x200;

/** Bytes of the longest signed varint. */
const SIGNED_BYTES = 8;

/** What the fields of the next object are relative to. */
class Last {
  group = -1;
  subgroup: number | undefined = 0;
  priority: number | undefined;
  object = -1;
  timestamp = 0;

  /** The object that follows without a field of its own. */
  next(group: number): number {
    return group === this.group ? this.object + 1 : 0;
  }
}

const signed = new Uint8Array(SIGNED_BYTES);

/** Writes the answer to a FETCH. */
export class FetchedObjectEncoder {
  readonly #last = new Last();

  /** The bytes before the payload. */
  object(one: FetchedObject): Uint8Array {
    const { group, object, subgroup, priority, size, status, timestamp, properties } = one;
    const last = this.#last;
    const flags =
      (group === last.group ? 0 : GROUP) |
      (subgroup === last.subgroup ? 0 : SUBGROUP) |
      (priority === last.priority ? 0 : PRIORITY) |
      (object === last.next(group) ? 0 : OBJECT) |
      (timestamp === undefined ? 0 : TIMESTAMP) |
      propertyFlags(properties) |
      statusFlags(status);
    const writer = newWriter().varint(flags);
    if ((flags & GROUP) !== 0) writer.varint(group);
    if ((flags & SUBGROUP) !== 0) putOptional(writer, subgroup);
    if ((flags & PRIORITY) !== 0) putOptional(writer, priority);
    if ((flags & OBJECT) !== 0) writer.varint(object);
    if (timestamp !== undefined) {
      const length = putSigned(signed, 0, timestamp - last.timestamp);
      writer.raw(signed.subarray(0, length));
      last.timestamp = timestamp;
    }
    if (properties !== undefined && properties.length > 0) writer.varint(properties.length).raw(properties);
    last.group = group;
    last.subgroup = subgroup;
    last.priority = priority;
    last.object = object;
    return writer.varint(size).finish();
  }

  gap(kind: FetchGap, { group, object }: Place): Uint8Array {
    const writer = newWriter().varint(GAP + GAPS.indexOf(kind));
    // The last object that there can be stands for the whole group.
    return putOptional(writer.varint(group), object === Number.MAX_SAFE_INTEGER ? undefined : object).finish();
  }
}

function putOptional(writer: Writer, value: number | undefined): Writer {
  return writer.varint(value === undefined ? 0 : value + 1);
}

/** Reads the answer to a FETCH, from pieces of any size. */
export class FetchedObjectReader {
  readonly #maxBytes: number;
  readonly #sink: FetchSink;
  readonly #header: HeldHeader;
  readonly #last = new Last();
  #missing = -1;

  constructor(limits: WireLimits, sink: FetchSink) {
    this.#maxBytes = limits.frameBytes;
    this.#sink = sink;
    this.#header = new HeldHeader((from, at, end) => this.#parse(from, at, end));
  }

  /** Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, allowance: Allowance = UNBOUNDED): Uint8Array {
    let at = 0;
    while (at < bytes.length) {
      if (allowance.left <= 0 && !allowance.more()) return bytes.subarray(at);
      if (this.#missing < 0) {
        allowance.left -= FRAME_UNITS;
        at = this.#header.read(bytes, at);
        continue;
      }
      const take = Math.min(this.#missing, bytes.length - at);
      this.#missing -= take;
      allowance.left -= take >> PAYLOAD_UNIT_BITS;
      this.#sink.payload(bytes.subarray(at, at + take));
      at += take;
      if (this.#missing === 0) this.#end();
    }
    return READ;
  }

  /** The stream has ended. Inside an object that is a violation. */
  finish(): void {
    if (this.#missing >= 0 || this.#header.begun) throw new ProtocolViolation("FETCH", "stream ends inside an object");
  }

  #parse(from: Uint8Array, at: number, end: number): number {
    const fields = new Fields(from, at, end);
    const flags = fields.varint();
    if (fields.missing > 0) return -fields.missing;
    if (flags < GAP) return this.#parseObject(fields, flags);
    const kind = GAPS[flags - GAP];
    if (kind === undefined) throw new ProtocolViolation("FETCH", "unknown flags");
    const group = fields.varint();
    const object = fields.optional() ?? Number.MAX_SAFE_INTEGER;
    if (fields.missing > 0) return -fields.missing;
    this.#sink.gap(kind, { group, object });
    return fields.read;
  }

  #parseObject(fields: Fields, flags: number): number {
    const last = this.#last;
    const group = (flags & GROUP) === 0 ? last.group : fields.varint();
    const subgroup = (flags & SUBGROUP) === 0 ? last.subgroup : fields.optional();
    const priority = (flags & PRIORITY) === 0 ? last.priority : fields.optional();
    const object = (flags & OBJECT) === 0 ? last.next(group) : fields.varint();
    const timestamp = (flags & TIMESTAMP) === 0 ? undefined : last.timestamp + fields.signed();
    const properties = hasProperties(flags) ? fields.properties() : withoutProperties(flags);
    const size = fields.varint();
    if (fields.missing > 0) return -fields.missing;
    const status = statusOf(flags);
    if (group < 0) throw new ProtocolViolation("FETCH", "first object without a group");
    if (priority !== undefined && priority > 255) throw new ProtocolViolation("FETCH", "priority above 255");
    if (status !== undefined && size > 0) throw new ProtocolViolation("FETCH", "status with a payload");
    if (timestamp !== undefined && !Number.isSafeInteger(timestamp)) {
      throw new ProtocolViolation("FETCH", "timestamp beyond 2^53-1");
    }
    if (!Number.isSafeInteger(object)) throw new ProtocolViolation("FETCH", "object id beyond 2^53-1");
    if (size > this.#maxBytes) {
      throw new BoundExceeded("frame_bytes", `object of ${size} bytes, at most ${this.#maxBytes}`);
    }
    last.group = group;
    last.subgroup = subgroup;
    last.priority = priority;
    last.object = object;
    if (timestamp !== undefined) last.timestamp = timestamp;
    this.#missing = status === undefined ? size : -1;
    this.#sink.object({ group, object, subgroup, priority, size, status, timestamp, properties });
    if (this.#missing === 0) this.#end();
    return fields.read;
  }

  #end(): void {
    this.#missing = -1;
    this.#sink.end();
  }
}

/** The fields of one header, until the first that `end` cuts off: from then on all read as 0. */
class Fields {
  readonly #from: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  #at: number;
  /** Bytes that the header has at least, where it is cut off; else 0. */
  missing = 0;

  constructor(from: Uint8Array, at: number, end: number) {
    this.#from = from;
    this.#start = at;
    this.#at = at;
    this.#end = end;
  }

  get read(): number {
    return this.#at - this.#start;
  }

  varint(): number {
    const at = this.#next();
    if (at < 0) return 0;
    const value = getVarint(this.#from, at);
    if (value > Number.MAX_SAFE_INTEGER) throw new ProtocolViolation("FETCH", "number over 2^53-1");
    return value;
  }

  optional(): number | undefined {
    const value = this.varint();
    return value === 0 ? undefined : value - 1;
  }

  signed(): number {
    const at = this.#next();
    return at < 0 ? 0 : getSigned(this.#from, at);
  }

  properties(): Uint8Array | undefined {
    const length = this.varint();
    if (this.missing > 0) return undefined;
    const from = this.#at;
    this.#at += propertiesLength(length);
    if (this.#at > this.#end) this.missing = this.#at - this.#start;
    return this.#from.subarray(from, this.#at);
  }

  /** The position of the next varint; -1 where it is cut off. */
  #next(): number {
    if (this.missing > 0) return -1;
    const at = this.#at;
    const after = skip(this.#from, this.#start, at, this.#end);
    if (after < 0) {
      this.missing = -after;
      return -1;
    }
    this.#at = after;
    return at;
  }
}
