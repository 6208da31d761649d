import {
  type Allowance,
  BoundExceeded,
  FRAME_UNITS,
  getVarint,
  PAYLOAD_UNIT_BITS,
  ProtocolViolation,
  putVarint,
  READ,
  UNBOUNDED,
  varintSize,
  type WireLimits,
} from "../codec/index.ts";
import { HeldHeader } from "./held-header.ts";
import { getSigned, putSigned } from "./signed-varint.ts";

/*
 * OBJECT of the mesh wire: what FRAME is in moq-lite, with all that an object of moq-transport has.
 *
 *   OBJECT { Timestamp Delta (signed), Size * 2 + More, [Flags (8)], [Id Delta], [Properties Length, Properties], Payload }
 *
 * An object like a frame of moq-lite (the next id, no properties, no status) has no flags, and no byte more than FRAME.
 */

/** What an object without payload says. */
export type ObjectStatus = "end_of_group" | "end_of_track" | "does_not_exist";

/** By the number on the wire; 0 is an object with payload. */
const STATUSES: readonly (ObjectStatus | undefined)[] = [undefined, "end_of_group", "end_of_track", "does_not_exist"];

/** The id is not the next one. */
const ID = 0x01;
const PROPERTIES = 0x02;
/** The object's version has properties, and the object has none. */
const NO_PROPERTIES = 0x04;
/** The status is in the bits from this one on. */
const STATUS_SHIFT = 4;
const KNOWN = ID | PROPERTIES | NO_PROPERTIES | (3 << STATUS_SHIFT);

/** Longest properties of an object or a track, in bytes: as long as one property of moq-transport may be. */
export const PROPERTIES_BYTES = 2 ** 16;

/** Longest header without its properties: four varints of 8 bytes and the flags. */
const LONGEST = 33;

/** Bytes of the longest varint. */
const LENGTH_BYTES = 8;

/** Is called with objects as they arrive. */
export interface ObjectSink {
  /**
   * An object begins. `timestamp` is absolute, in the track's timescale; absent where the version has none. `id` is absent where it is the
   * next one. `properties` are valid during the call: empty where the object has none, absent where its version has none.
   */
  object(size: number, timestamp: number | undefined, id?: number, properties?: Uint8Array): void;
  /** The next bytes of the object, valid during the call. */
  payload(bytes: Uint8Array): void;
  /** The object is complete. */
  end(): void;
  /** An object without payload. */
  status(status: ObjectStatus, id: number, properties?: Uint8Array): void;
}

/** Memory of {@link encodeObjectHeader}, and its first bytes by number. */
let header = new Uint8Array(LONGEST);
let headers = views(header);

function views(of: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: LONGEST + 1 }, (_, length) => of.subarray(0, length));
}

/** The flags of properties, as objects in streams, in datagrams and in answers to a FETCH have them. */
export function propertyFlags(properties: Uint8Array | undefined): number {
  if (properties === undefined) return 0;
  return properties.length > 0 ? PROPERTIES : NO_PROPERTIES;
}

/** The number of a status, shifted to its place among the flags. */
export function statusFlags(status: ObjectStatus | undefined): number {
  return status === undefined ? 0 : STATUSES.indexOf(status) << STATUS_SHIFT;
}

export function statusOf(flags: number): ObjectStatus | undefined {
  return STATUSES[(flags >> STATUS_SHIFT) & 3];
}

/** Properties follow, with their length. */
export function hasProperties(flags: number): boolean {
  return (flags & PROPERTIES) !== 0;
}

/** The properties of an object that sends none. */
export function withoutProperties(flags: number): Uint8Array | undefined {
  return (flags & NO_PROPERTIES) === 0 ? undefined : NOTHING;
}

/**
 * Bytes before an object's payload. `delta`: the timestamp minus that of the object before on the stream. `idDelta`: ids between that one
 * and this one; for the first object its id. `properties`: as {@link ObjectSink} has them. The bytes are valid until the next call.
 */
export function encodeObjectHeader(
  size: number,
  delta: number,
  idDelta: number,
  properties: Uint8Array | undefined,
  status: ObjectStatus | undefined,
): Uint8Array {
  const stamp = Math.max(-Number.MAX_SAFE_INTEGER, Math.min(delta, Number.MAX_SAFE_INTEGER));
  const flags = (idDelta > 0 ? ID : 0) | propertyFlags(properties) | statusFlags(status);
  let at = putVarint(header, putSigned(header, 0, stamp), size * 2 + (flags > 0 ? 1 : 0));
  if (flags > 0) {
    header[at++] = flags;
    if (idDelta > 0) at = putVarint(header, at, idDelta);
    if (properties !== undefined && properties.length > 0) {
      const { length } = properties;
      makeRoom(at + LENGTH_BYTES + length);
      at = putVarint(header, at, length);
      header.set(properties, at);
      return header.subarray(0, at + length);
    }
  }
  return headers[at] as Uint8Array;
}

function makeRoom(bytes: number): void {
  if (header.length >= bytes) return;
  const larger = new Uint8Array(2 * bytes);
  larger.set(header);
  header = larger;
  headers = views(header);
}

/** Reads the objects of a subgroup's stream, from pieces of any size. Payloads are passed on as they arrive. */
export class ObjectReader {
  readonly #maxBytes: number;
  readonly #sink: ObjectSink;
  readonly #header: HeldHeader;
  /** Payload bytes of the current object that are missing; -1 between objects. */
  #missing = -1;
  /** Of the current object, or of the last one. */
  #timestamp = 0;
  #id = -1;

  constructor(limits: WireLimits, sink: ObjectSink) {
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
      this.#sink.payload(at === 0 && take === bytes.length ? bytes : bytes.subarray(at, at + take));
      at += take;
      if (this.#missing === 0) this.#end();
    }
    return READ;
  }

  /** As `FrameReader.left`. */
  get left(): number | undefined {
    return this.#header.begun ? undefined : Math.max(0, this.#missing);
  }

  /** The stream has ended. Inside an object that is a violation. */
  finish(): void {
    if (this.#missing >= 0 || this.#header.begun) throw new ProtocolViolation("OBJECT", "stream ends inside an object");
  }

  #parse(from: Uint8Array, at: number, end: number): number {
    const afterDelta = skip(from, at, at, end);
    if (afterDelta < 0) return afterDelta;
    let next = skip(from, at, afterDelta, end);
    if (next < 0) return next;
    const sizeAndMore = getVarint(from, afterDelta);
    const size = Math.floor(sizeAndMore / 2);
    if (size > this.#maxBytes) {
      throw new BoundExceeded("frame_bytes", `object of ${size} bytes, at most ${this.#maxBytes}`);
    }
    let flags = 0;
    let idDelta = 0;
    let properties: Uint8Array | undefined;
    if (sizeAndMore % 2 === 1) {
      if (next >= end) return -(next - at + 1);
      flags = from[next++] as number;
      if ((flags & ~KNOWN) !== 0) throw new ProtocolViolation("OBJECT", "unknown flags");
      if ((flags & ID) !== 0) {
        const after = skip(from, at, next, end);
        if (after < 0) return after;
        idDelta = getVarint(from, next);
        next = after;
      }
      if (hasProperties(flags)) {
        const after = skip(from, at, next, end);
        if (after < 0) return after;
        const length = propertiesLength(getVarint(from, next));
        if (after + length > end) return -(after + length - at);
        properties = from.subarray(after, after + length);
        next = after + length;
      } else properties = withoutProperties(flags);
    }
    this.#begin(size, getSigned(from, at), idDelta, properties, statusOf(flags));
    return next - at;
  }

  #begin(
    size: number,
    delta: number,
    idDelta: number,
    properties: Uint8Array | undefined,
    status: ObjectStatus | undefined,
  ): void {
    this.#timestamp += delta;
    this.#id += idDelta + 1;
    if (!Number.isSafeInteger(this.#timestamp)) throw new ProtocolViolation("OBJECT", "timestamp beyond 2^53-1");
    if (!Number.isSafeInteger(this.#id)) throw new ProtocolViolation("OBJECT", "object id beyond 2^53-1");
    if (status !== undefined) {
      if (size > 0) throw new ProtocolViolation("OBJECT", "status with a payload");
      this.#sink.status(status, this.#id, properties);
      return;
    }
    this.#missing = size;
    this.#sink.object(size, this.#timestamp, this.#id, properties);
    if (size === 0) this.#end();
  }

  #end(): void {
    this.#missing = -1;
    this.#sink.end();
  }
}

/** Checks the length of properties. */
export function propertiesLength(length: number): number {
  if (length === 0) throw new ProtocolViolation("OBJECT", "properties of length 0");
  if (length > PROPERTIES_BYTES) throw new ProtocolViolation("OBJECT", `properties of ${length} bytes`);
  return length;
}

/** The position after the varint at `next`, or minus the bytes of a header from `start` on that `end` cuts off. */
export function skip(from: Uint8Array, start: number, next: number, end: number): number {
  if (next >= end) return -(next - start + 1);
  const after = next + varintSize(from[next] as number);
  return after > end ? -(after - start) : after;
}

const NOTHING = new Uint8Array(0);
