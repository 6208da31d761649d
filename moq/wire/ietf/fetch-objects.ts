import {
  type Allowance,
  BoundExceeded,
  FRAME_UNITS,
  PAYLOAD_UNIT_BITS,
  READ,
  UNBOUNDED,
  type WireLimits,
} from "../codec/index.ts";
import { CutHeader } from "./cut-header.ts";
import { FetchFields } from "./fetch-fields.ts";
import type { Location } from "./location.ts";
import { ObjectPropertiesReader, PROPERTIES_UNIT_BITS } from "./object-properties.ts";
import { checkedStatus, NORMAL, type ObjectStatus } from "./object-status.ts";
import type { Capabilities } from "./versions.ts";

/** An object of a fetch. The same record is used for all objects: its fields are valid during the call. */
export interface FetchedObject extends Location {
  /** Absent: it was sent as a datagram. */
  readonly subgroup: number | undefined;
  /** 0 to 255, lower first. Absent: that of the track. */
  readonly priority: number | undefined;
  readonly size: number;
  /** Only in draft 14. */
  readonly status: ObjectStatus | undefined;
  /** In units of {@link FetchTarget}; absent where the object has none. */
  readonly timestamp: number | undefined;
  /** In the form of draft 18 and later; empty where the object has none. */
  readonly properties: Uint8Array;
}

/** Why a fetch has no objects for a part of its range (End of Range). */
export type FetchGap = "unknown" | "nonexistent" | "timed_out";

/** Is called with what a fetch brings, in the order of its range. */
export interface FetchSink {
  /** An object begins; one with a status is complete at once, with neither `payload` nor `end`. */
  object(object: FetchedObject): void;
  /** The next bytes of the object, valid during the call. */
  payload(bytes: Uint8Array): void;
  /** The object is complete. */
  end(): void;
  /** Up to `end`, inclusive, no further objects come. */
  gap(kind: FetchGap, end: Location): void;
}

/** Where the objects of a fetch go, and what their stream does not say. */
export interface FetchTarget {
  readonly sink: FetchSink;
  /** Units per second of the timestamps that the sink gets: the timescale of the track, or `DEFAULT_TIMESCALE`. */
  readonly timescale: number;
  /** The highest group comes first. */
  readonly descending: boolean;
}

const CLAUSE = "Fetch Object";

/** Reads the objects of a fetch or fill stream after FETCH_HEADER, as the reader of a subgroup stream does. */
export class FetchObjectReader {
  readonly #caps: Capabilities;
  readonly #maxBytes: number;
  readonly #target: FetchTarget;
  readonly #header: CutHeader;
  readonly #fields: FetchFields;
  readonly #properties: ObjectPropertiesReader;
  /** Payload bytes of the current object that are missing; -1 between objects. */
  #missing = -1;
  /** What is passed to the sink. */
  readonly #object = new Fetched();

  constructor(caps: Capabilities, limits: WireLimits, target: FetchTarget) {
    this.#caps = caps;
    this.#maxBytes = limits.frameBytes;
    this.#target = target;
    this.#header = new CutHeader(caps.varints, CLAUSE);
    this.#fields = new FetchFields(caps, target.descending, this.#header);
    this.#properties = new ObjectPropertiesReader(caps, this.#header);
  }

  /** Returns the bytes that the allowance leaves unread, valid until the next call. */
  push(bytes: Uint8Array, allowance: Allowance = UNBOUNDED): Uint8Array {
    let at = 0;
    while (at < bytes.length) {
      if (allowance.left <= 0 && !allowance.more()) return bytes.subarray(at);
      if (this.#missing < 0) {
        at = this.#begin(bytes, at, allowance);
        continue;
      }
      const take = Math.min(this.#missing, bytes.length - at);
      this.#missing -= take;
      allowance.left -= take >> PAYLOAD_UNIT_BITS;
      this.#target.sink.payload(at === 0 && take === bytes.length ? bytes : bytes.subarray(at, at + take));
      at += take;
      if (this.#missing === 0) this.#end();
    }
    return READ;
  }

  /** The stream has ended. Inside an object that is a violation. */
  finish(): void {
    if (this.#missing >= 0 || (this.#header.held > 0 && !this.#fields.mayEnd)) {
      throw this.#header.violation("stream ends inside an object");
    }
  }

  #begin(bytes: Uint8Array, at: number, allowance: Allowance): number {
    const header = this.#header;
    const fields = this.#fields;
    header.begin(bytes, at);
    while (!fields.read()) if (!header.more()) return bytes.length;
    allowance.left -= FRAME_UNITS + (fields.length >> PROPERTIES_UNIT_BITS);
    fields.resolve();
    if (fields.gap === undefined) this.#open(header.bytes);
    else this.#target.sink.gap(fields.gap, { group: fields.group, object: fields.object });
    return header.end();
  }

  #open(bytes: Uint8Array): void {
    const { group, subgroup, object, priority, size, status, from, length } = this.#fields;
    const properties = this.#properties.read(bytes, from, from + length);
    if (size > this.#maxBytes) {
      throw new BoundExceeded("frame_bytes", `object of ${size} bytes, at most ${this.#maxBytes}`);
    }
    const stated = status === NORMAL ? undefined : checkedStatus(status, properties, this.#caps, this.#header);
    if (stated === "does_not_exist") {
      this.#target.sink.gap("nonexistent", { group, object });
      return;
    }
    const fetched = this.#object;
    fetched.group = group;
    fetched.subgroup = subgroup;
    fetched.object = object;
    fetched.priority = priority;
    fetched.size = size;
    fetched.status = stated;
    fetched.timestamp = this.#properties.timestamp(this.#target.timescale);
    fetched.properties = properties;
    this.#target.sink.object(fetched);
    fetched.properties = READ;
    if (stated !== undefined) return;
    this.#missing = size;
    if (size === 0) this.#end();
  }

  #end(): void {
    this.#missing = -1;
    this.#target.sink.end();
  }
}

class Fetched implements FetchedObject {
  group = 0;
  subgroup: number | undefined;
  object = 0;
  priority: number | undefined;
  size = 0;
  status: ObjectStatus | undefined;
  timestamp: number | undefined;
  properties: Uint8Array = READ;
}
