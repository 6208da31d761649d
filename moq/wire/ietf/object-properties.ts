import { BoundExceeded, type ProtocolViolation, READ } from "../codec/index.ts";
import type { CutHeader } from "./cut-header.ts";
import { KEY_VALUE_BYTES } from "./limits.ts";
import type { ObjectStatus } from "./object-status.ts";
import { fromPresent, toPresent } from "./property-forms.ts";
import type { Capabilities } from "./versions.ts";

/**
 * Bytes of all properties of an object. Ours: the draft has no bound, but for a value, of which one of the largest fits. Properties are held
 * until they are complete.
 */
export const PROPERTIES_BYTES = KEY_VALUE_BYTES + 256;

/** Bytes of properties that count as one unit of work, as a power of 2. They are checked one by one. */
export const PROPERTIES_UNIT_BITS = 6;

/** LOC: the presentation time of an object, in units of its timescale. */
export const TIMESTAMP = 0x10;
/** TIMESTAMP until draft 03 of LOC, as the registry of moq-transport has it until draft 19. */
const TIMESTAMP_LOC_03 = 0x06;
/** LOC: units of a timestamp per second, of a track or of an object that differs from it. */
const TIMESCALE = 0x08;
/** LOC: timestamps of a track that has no timescale are in microseconds. */
export const DEFAULT_TIMESCALE = 1_000_000;
const IMMUTABLE_PROPERTIES = 0x0b;

/** Types from here on are added exactly: they may go beyond 2^64-1. */
const NEAR_LIMIT = 2 ** 63;

export function checkPropertyBytes(length: number): void {
  if (length <= PROPERTIES_BYTES) return;
  throw new BoundExceeded("frame_bytes", `properties of ${length} bytes, at most ${PROPERTIES_BYTES}`);
}

/** Reads the properties of objects, one after another. It checks the form of all, and finds the timestamp. */
export class ObjectPropertiesReader {
  readonly #caps: Capabilities;
  readonly #header: CutHeader;
  #timestamp = -1;
  #olderTimestamp = -1;
  #timescale = 0;
  /** Where the number ended that was read last. */
  #next = 0;

  /** Violations are those of `header`. */
  constructor(caps: Capabilities, header: CutHeader) {
    this.#caps = caps;
    this.#header = header;
  }

  /**
   * The properties from `from` to `to`, as the model has them: in the form of draft 18 and later. A view of `bytes` for these drafts.
   * Malformed ones are a violation.
   */
  read(bytes: Uint8Array, from: number, to: number): Uint8Array {
    this.#timestamp = -1;
    this.#olderTimestamp = -1;
    this.#timescale = 0;
    if (from === to) return READ;
    this.#scan(bytes, from, to);
    const properties = bytes.subarray(from, to);
    return this.#caps.presentProperties ? properties : toPresent(properties, this.#caps);
  }

  /** The timestamp among the last properties that were read, in units of `timescale`; absent where there is none. */
  timestamp(timescale: number): number | undefined {
    const value = this.#timestamp >= 0 ? this.#timestamp : this.#olderTimestamp;
    if (value < 0) return undefined;
    if (this.#timescale === 0 || this.#timescale === timescale) return value;
    const converted = Math.round((value / this.#timescale) * timescale);
    return converted <= Number.MAX_SAFE_INTEGER ? converted : undefined;
  }

  #scan(bytes: Uint8Array, from: number, to: number): void {
    const deltas = this.#caps.propertyDeltas;
    let type = 0;
    let odd = 0;
    let exact = !deltas;
    for (let at = from; at < to; ) {
      const number = this.#number(bytes, at, to);
      at = this.#next;
      type = deltas ? type + number : number;
      odd = ((bytes[at - 1] ?? 0) & 1) ^ (deltas ? odd : 0);
      if (type >= NEAR_LIMIT && !exact) {
        exact = true;
        this.#checkTypes(bytes, from, to);
      }
      const value = this.#number(bytes, at, to);
      at = this.#next;
      if (odd === 0) {
        this.#note(type, value);
        continue;
      }
      if (value > KEY_VALUE_BYTES) throw this.#violation(`value of ${value} bytes, at most ${KEY_VALUE_BYTES}`);
      if (at + value > to) throw this.#violation("value ends too early");
      if (type === IMMUTABLE_PROPERTIES) this.#searchImmutable(bytes, at, at + value);
      at += value;
    }
  }

  /** Also looks for the timestamp in Immutable Properties. A malformed track is for its receivers to refuse. */
  #searchImmutable(bytes: Uint8Array, from: number, to: number): void {
    const { propertyDeltas, varints } = this.#caps;
    let type = 0;
    let odd = 0;
    for (let at = from; at < to; ) {
      const valueAt = at + varints.size(bytes[at] ?? 0);
      const after = valueAt + varints.size(bytes[valueAt] ?? 0);
      if (valueAt >= to || after > to) return;
      const number = varints.read(bytes, at);
      type = propertyDeltas ? type + number : number;
      odd = ((bytes[valueAt - 1] ?? 0) & 1) ^ (propertyDeltas ? odd : 0);
      const value = varints.read(bytes, valueAt);
      if (odd === 0) this.#note(type, value);
      at = odd === 0 ? after : after + value;
    }
  }

  #note(type: number, value: number): void {
    if (value > Number.MAX_SAFE_INTEGER) return;
    if (type === TIMESTAMP) this.#timestamp = value;
    else if (type === TIMESTAMP_LOC_03) this.#olderTimestamp = value;
    else if (type === TIMESCALE) this.#timescale = value;
  }

  #number(bytes: Uint8Array, at: number, to: number): number {
    const { varints } = this.#caps;
    this.#next = at + varints.size(bytes[at] ?? 0);
    if (at >= to || this.#next > to) throw this.#violation("end too early");
    return varints.read(bytes, at);
  }

  /** A type over 2^64-1 is a violation, as deltas may add up to. */
  #checkTypes(bytes: Uint8Array, from: number, to: number): void {
    const { varints } = this.#caps;
    let type = 0n;
    for (let at = from; at < to; ) {
      this.#number(bytes, at, to);
      type += varints.readBig(bytes, at);
      if (type > 2n ** 64n - 1n) throw this.#violation("type over 2^64-1");
      at = this.#next;
      const length = this.#number(bytes, at, to);
      at = this.#next + (type % 2n === 0n ? 0 : length);
    }
  }

  #violation(what: string): ProtocolViolation {
    return this.#header.violation(`properties: ${what}`);
  }
}

/**
 * The properties that an object gets in a draft. Of those from moq-transport they are all that the draft can write. An object that has none
 * (`undefined`), because it comes from moq-lite, gets its timestamp.
 */
export function propertiesFor(
  caps: Capabilities,
  properties: Uint8Array | undefined,
  timestamp: number | undefined,
): Uint8Array {
  if (properties !== undefined) return caps.presentProperties ? properties : fromPresent(properties, caps);
  // A timestamp before 0 cannot be written.
  if (timestamp === undefined || timestamp < 0) return READ;
  stamp[0] = TIMESTAMP;
  return stamps[caps.varints.write(stamp, 1, Math.min(timestamp, Number.MAX_SAFE_INTEGER))] ?? READ;
}

/** The same for an object with a status, which from draft 16 on has none. */
export function propertiesOfStatus(
  caps: Capabilities,
  properties: Uint8Array | undefined,
  status: ObjectStatus,
): Uint8Array {
  const kept = caps.statusProperties && status !== "does_not_exist" ? properties : undefined;
  return propertiesFor(caps, kept, undefined);
}

/** Memory of a timestamp as the only property, and its first bytes by number. */
const stamp = new Uint8Array(10);
const stamps = Array.from({ length: stamp.length + 1 }, (_, length) => stamp.subarray(0, length));
