import { READ, type Writer } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import {
  DATAGRAM,
  END_OF_RANGE,
  GROUP_GIVEN,
  OBJECT_GIVEN,
  PRIORITY_GIVEN,
  PROPERTIES_GIVEN,
  SUBGROUP_GIVEN,
} from "./fetch-fields.ts";
import type { FetchGap } from "./fetch-objects.ts";
import type { Location } from "./location.ts";
import { propertiesFor } from "./object-properties.ts";
import { NORMAL, type ObjectStatus, statusNumber } from "./object-status.ts";
import type { Capabilities } from "./versions.ts";

const FETCH_HEADER = 0x05;

/** Where nothing says the priority of an object. */
const MIDDLE_PRIORITY = 128;

/** The type and FETCH_HEADER, as a fetch or fill stream begins. */
export function encodeFetchHeader(request: number, caps: Capabilities): Uint8Array {
  return newWriter(caps).varint(FETCH_HEADER).varint(request).finish();
}

/** An object to be written; see `FetchedObject`. */
export interface FetchObject extends Location {
  readonly subgroup: number | undefined;
  /** 0 to 255, lower first. Absent: that of the track, which the encoder must be given. */
  readonly priority: number | undefined;
  readonly size: number;
  readonly status: ObjectStatus | undefined;
  readonly timestamp: number | undefined;
  readonly properties: Uint8Array | undefined;
}

/** Writes the objects of one fetch or fill stream after its header, in the order of its range. */
export class FetchObjectEncoder {
  readonly #caps: Capabilities;
  readonly #priority: number;
  /** Location of the last object or End of Range. */
  #last: Location | undefined;

  /** `priority` is that of objects which have none: the track's. */
  constructor(caps: Capabilities, priority: number = MIDDLE_PRIORITY) {
    this.#caps = caps;
    this.#priority = priority;
  }

  /** Bytes before the payload. Of an object with a status there are none from draft 16 on: a fetch says it by leaving out what does not exist. */
  object(object: FetchObject): Uint8Array {
    const { fetchFlags, fetchStatus } = this.#caps;
    const { status, size } = object;
    if (status !== undefined && !fetchStatus) return READ;
    const properties = propertiesFor(this.#caps, object.properties, object.timestamp);
    const writer = newWriter(this.#caps);
    if (fetchFlags) this.#putFlags(writer, object, properties);
    else this.#putIds(writer, object.group, object.subgroup ?? object.object, object.object);
    writer.u8(object.priority ?? this.#priority);
    if (!fetchFlags || properties.length > 0) writer.varint(properties.length).raw(properties);
    writer.varint(size);
    if (fetchStatus && size === 0) writer.varint(status === undefined ? NORMAL : statusNumber(status, this.#caps));
    this.#last = { group: object.group, object: object.object };
    return writer.finish();
  }

  /**
   * End of Range: up to `end`, inclusive, no further objects come. Nothing where the draft cannot say so: the stream must be reset. A draft
   * without flags says that objects do not exist by leaving them out.
   */
  gap(kind: FetchGap, end: Location): Uint8Array | undefined {
    const { fetchFlags, timedOutRange } = this.#caps;
    if (!fetchFlags) return kind === "nonexistent" ? READ : undefined;
    const said = kind === "timed_out" && !timedOutRange ? "unknown" : kind;
    this.#last = end;
    return newWriter(this.#caps).varint(END_OF_RANGE[said]).varint(end.group).varint(end.object).finish();
  }

  /** Every object has a priority, so that none refers to an object before an End of Range. */
  #putFlags(writer: Writer, { group, subgroup, object }: FetchObject, properties: Uint8Array): void {
    const last = this.#last;
    const groupGiven = last === undefined || last.group !== group;
    const objectGiven = groupGiven || object !== last.object + 1;
    const mode = subgroup === undefined ? DATAGRAM : subgroup === 0 ? 0 : SUBGROUP_GIVEN;
    writer.varint(
      mode |
        PRIORITY_GIVEN |
        (groupGiven ? GROUP_GIVEN : 0) |
        (objectGiven ? OBJECT_GIVEN : 0) |
        (properties.length > 0 ? PROPERTIES_GIVEN : 0),
    );
    const relative = this.#caps.fetchDeltas && last !== undefined;
    if (groupGiven) writer.varint(relative ? Math.abs(group - last.group) - 1 : group);
    if (mode === SUBGROUP_GIVEN) writer.varint(subgroup ?? 0);
    if (objectGiven) writer.varint(relative && !groupGiven ? object - last.object : object);
  }

  #putIds(writer: Writer, group: number, subgroup: number, object: number): void {
    writer.varint(group).varint(subgroup).varint(object);
  }
}
