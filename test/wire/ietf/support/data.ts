/** Data streams and datagrams as the oracle describes them: integers as text, bytes in hexadecimal. */
import assert from "node:assert/strict";
import { type Allowance, DEFAULT_WIRE_LIMITS, UNBOUNDED } from "../../../../moq/wire/codec/index.ts";
import type { FetchSink } from "../../../../moq/wire/ietf/fetch-objects.ts";
import { decodeObjectDatagram } from "../../../../moq/wire/ietf/object-datagram.ts";
import { DEFAULT_TIMESCALE } from "../../../../moq/wire/ietf/object-properties.ts";
import type { ObjectStatus } from "../../../../moq/wire/ietf/object-status.ts";
import { fromPresent } from "../../../../moq/wire/ietf/property-forms.ts";
import type { ObjectSink } from "../../../../moq/wire/ietf/subgroup-objects.ts";
import { UniReader, type UniSink } from "../../../../moq/wire/ietf/uni.ts";
import { type Capabilities, capabilities } from "../../../../moq/wire/ietf/versions.ts";
import { feed, hex } from "../../support/bytes.ts";

export function draft(number: number): Capabilities {
  const caps = capabilities(`moqt-${number}`);
  assert.ok(caps);
  return caps;
}

/** Every draft that is known here. */
export const EVERY_DATA_DRAFT: readonly Capabilities[] = [14, 16, 18, 20, 22, 23].map(draft);

/** The kinds of unidirectional streams. A fetch does not say which group comes first. */
export type DataKind = "subgroup" | "fetch" | "fetch-descending";

type Described = Record<string, unknown>;

const NUMBERS: Record<ObjectStatus, string> = { does_not_exist: "1", end_of_group: "3", end_of_track: "4" };

export interface DataReading {
  /** What the stream begins with, and its objects. */
  readonly stream: Described;
  /** The timestamp of each object. */
  readonly timestamps: (number | undefined)[];
  /** Bytes of each piece of payload. */
  readonly pieces: number[];
  /** How often the header of a subgroup was complete. */
  headed(): number;
  readonly reader: UniReader;
  push(bytes: Uint8Array, allowance?: Allowance): Uint8Array;
}

/** Reads one stream. */
export function dataReading(caps: Capabilities, kind: DataKind, timescale = DEFAULT_TIMESCALE): DataReading {
  const objects: Described[] = [];
  const timestamps: (number | undefined)[] = [];
  const pieces: number[] = [];
  let headed = 0;
  const stream: Described = {};
  const chunks: Uint8Array[] = [];
  const begun = (object: Described, timestamp: number | undefined) => {
    objects.push(object);
    timestamps.push(timestamp);
    chunks.length = 0;
  };
  const rest = {
    payload: (bytes: Uint8Array) => {
      pieces.push(bytes.length);
      chunks.push(bytes.slice());
    },
    end: () => {
      const object = objects.at(-1);
      assert.ok(object);
      object["payload"] = Buffer.concat(chunks).toString("hex");
    },
  };
  const sink: ObjectSink & FetchSink = {
    ...rest,
    object: (first: unknown, timestamp?: number, id?: number, properties?: Uint8Array) => {
      if (typeof first === "number") {
        assert.ok(properties);
        begun({ id: String(id), properties: own(properties, caps), ...emptied(first) }, timestamp);
        return;
      }
      const object = first as Parameters<FetchSink["object"]>[0];
      const { group, object: number, subgroup, priority, status } = object;
      begun(
        {
          group: String(group),
          id: String(number),
          ...(subgroup === undefined ? {} : { subgroup: String(subgroup) }),
          priority: String(priority ?? 128),
          properties: own(object.properties, caps),
          ...(caps.fetchStatus ? emptied(object.size) : {}),
          ...(status === undefined ? {} : { status: NUMBERS[status], payload: "" }),
        },
        object.timestamp,
      );
    },
    status: (status: ObjectStatus, id: number, properties: Uint8Array) => {
      begun({ id: String(id), properties: own(properties, caps), status: NUMBERS[status], payload: "" }, undefined);
    },
    gap: (gap, { group, object }) => {
      objects.push({ group: String(group), id: String(object), end_of_range: gap });
    },
  };
  const uni: UniSink = {
    headed: () => void headed++,
    subgroup: ({ trackAlias, group, subgroup, priority, endsGroup, firstObject }, open) => {
      Object.assign(stream, {
        track_alias: String(trackAlias),
        group: String(group),
        subgroup: String(subgroup),
        ...(priority === undefined ? {} : { priority: String(priority) }),
        ends_group: endsGroup,
        first_object: firstObject,
        objects,
      });
      return open({ sink, timescale });
    },
    fetch: (request) => {
      Object.assign(stream, { request_id: String(request), objects });
      return { sink, timescale, descending: kind === "fetch-descending" };
    },
    control: () => ({ push: (bytes) => bytes.subarray(bytes.length), finish: () => {} }),
  };
  const reader = new UniReader(caps, DEFAULT_WIRE_LIMITS, uni);
  return {
    stream,
    timestamps,
    pieces,
    headed: () => headed,
    reader,
    push: (bytes, allowance = UNBOUNDED) => reader.push(bytes, allowance),
  };
}

/** What is said of an object without payload. */
function emptied(size: number): Described {
  return size === 0 ? { status: "0" } : {};
}

/** Properties in the form of the draft. */
function own(properties: Uint8Array, caps: Capabilities): string {
  return hex(caps.presentProperties ? properties : fromPresent(properties, caps));
}

/** What our reader makes of a stream that is described by the bits of its header: it also knows the first object of a subgroup by its id. */
export function inferred(caps: Capabilities, described: Described): Described {
  const objects = described["objects"] as readonly Described[];
  const first = objects[0]?.["id"];
  if (described["first_object"] === undefined || first === undefined) return described;
  const isFirst = first === "0" || (!caps.firstObjectBit && first === described["subgroup"]);
  return { ...described, first_object: described["first_object"] === true || isFirst };
}

/** What a whole stream is, arriving in pieces of those sizes. */
export function readData(
  caps: Capabilities,
  kind: DataKind,
  bytes: Uint8Array,
  sizes: readonly number[] = [],
): Described {
  const reading = dataReading(caps, kind);
  feed(bytes, sizes, (piece) => assert.equal(reading.push(piece).length, 0));
  reading.reader.finish();
  return reading.stream;
}

/** What a datagram is; nothing for padding. */
export function readDatagram(caps: Capabilities, bytes: Uint8Array): Described | undefined {
  const datagram = decodeObjectDatagram(bytes, caps, DEFAULT_WIRE_LIMITS);
  if (datagram === undefined) return undefined;
  const { trackAlias, group, object, priority, endsGroup, status, properties, payload } = datagram;
  return {
    track_alias: String(trackAlias),
    group: String(group),
    id: String(object),
    ...(priority === undefined ? {} : { priority: String(priority) }),
    ends_group: endsGroup,
    properties: own(properties, caps),
    ...(status === undefined ? {} : { status: NUMBERS[status] }),
    payload: hex(payload),
  };
}
