/** Data streams and datagrams that our encoders write, with what they are in the words of the oracle. */
import fc from "fast-check";
import { encodeFetchHeader, FetchObjectEncoder } from "../../../../moq/wire/ietf/fetch-encoder.ts";
import { encodeObjectDatagram } from "../../../../moq/wire/ietf/object-datagram.ts";
import { encodeObjectHeader } from "../../../../moq/wire/ietf/object-header.ts";
import { propertiesFor } from "../../../../moq/wire/ietf/object-properties.ts";
import { encodeSubgroupHeader } from "../../../../moq/wire/ietf/subgroup-header.ts";
import type { Capabilities } from "../../../../moq/wire/ietf/versions.ts";
import { bytes, concat, hex } from "../../support/bytes.ts";
import type { DataKind } from "./data.ts";

export interface Written {
  readonly kind: DataKind | "datagram";
  readonly bytes: Uint8Array;
  readonly described: Record<string, unknown>;
}

const PAYLOAD = fc.uint8Array({ maxLength: 200 });
/** Numbers of every length, and the last one that is exact. */
const NUMBER = fc.oneof(fc.nat(70), fc.nat(70_000), fc.nat(), fc.maxSafeNat());
const ID_DELTA = fc.oneof(fc.constant(0), fc.nat(300), fc.nat(2 ** 40));
const PRIORITY = fc.option(fc.nat(255), { nil: undefined });

/** Properties in the form of draft 18: none, a timestamp, several (Immutable Properties with what all drafts write alike), one too large for
 * drafts before 18, and long ones. From moq-lite: absent. */
const PROPERTIES = fc.constantFrom<Uint8Array | undefined>(
  undefined,
  bytes(""),
  bytes("1005"),
  bytes("0b020e07 05bbbd 29026162"),
  bytes("02ffffffffffffffffff"),
  concat(bytes("3981f4"), new Uint8Array(500).fill(7)),
);
const TIMESTAMP = fc.option(fc.oneof(fc.nat(), fc.maxSafeNat()), { nil: undefined });

interface Item {
  readonly delta: number;
  readonly properties: Uint8Array | undefined;
  readonly timestamp: number | undefined;
  readonly payload: Uint8Array;
}

const ITEM: fc.Arbitrary<Item> = fc.record({
  delta: ID_DELTA,
  properties: PROPERTIES,
  timestamp: TIMESTAMP,
  payload: PAYLOAD,
});

/** The properties that an item has in a draft. */
function kept(caps: Capabilities, { properties, timestamp }: Omit<Item, "delta" | "payload">): string {
  return hex(propertiesFor(caps, properties, timestamp));
}

/** Only draft 14 has properties beside a status. */
function withStatus(caps: Capabilities, { properties }: Item): string {
  return caps.statusProperties && properties !== undefined ? hex(propertiesFor(caps, properties, undefined)) : "";
}

/** A payload, or what is said of none. */
function payloadOf(payload: Uint8Array, status: boolean): Record<string, string> {
  return { ...(status && payload.length === 0 ? { status: "0" } : {}), payload: hex(payload) };
}

export function subgroupStreams(caps: Capabilities): fc.Arbitrary<Written> {
  const header = fc.record({
    trackAlias: NUMBER,
    group: NUMBER,
    subgroup: fc.oneof(fc.constant(0), NUMBER),
    priority: PRIORITY,
    endsGroup: fc.boolean(),
    firstObject: fc.boolean(),
  });
  const last = fc.option(fc.constantFrom("end_of_group" as const, "end_of_track" as const), { nil: undefined });
  return fc.tuple(header, fc.array(ITEM, { maxLength: 5 }), last).map(([{ priority, ...rest }, items, ends]) => {
    const named = { ...rest, ...(priority === undefined ? {} : { priority }) };
    const parts = [encodeSubgroupHeader(named, caps)];
    const objects: Record<string, unknown>[] = [];
    let id = -1;
    for (const item of items) {
      id += 1 + item.delta;
      const { payload, properties, timestamp } = item;
      const header = encodeObjectHeader(caps, payload.length, item.delta, properties, undefined, timestamp).slice();
      parts.push(header, payload);
      objects.push({ id: String(id), properties: kept(caps, item), ...payloadOf(payload, true) });
    }
    if (ends !== undefined) {
      parts.push(encodeObjectHeader(caps, 0, 3, undefined, ends, 9).slice());
      objects.push({ id: String(id + 4), properties: "", status: ends === "end_of_group" ? "3" : "4", payload: "" });
    }
    const written = priority ?? (caps.defaultPriority ? undefined : 128);
    const described = {
      track_alias: String(rest.trackAlias),
      group: String(rest.group),
      subgroup: String(rest.subgroup),
      ...(written === undefined ? {} : { priority: String(written) }),
      ends_group: rest.endsGroup,
      first_object: rest.firstObject && caps.firstObjectBit,
      objects,
    };
    return { kind: "subgroup", bytes: concat(...parts), described };
  });
}

export function fetchStreams(caps: Capabilities): fc.Arbitrary<Written> {
  const item = fc.record({
    item: ITEM,
    groups: fc.oneof(fc.constant(0), fc.nat(1000)),
    subgroup: fc.option(fc.oneof(fc.constant(0), NUMBER), { nil: undefined }),
    priority: PRIORITY,
  });
  return fc.tuple(NUMBER, fc.boolean(), fc.array(item, { maxLength: 6 })).map(([request, wanted, items]) => {
    const descending = wanted && caps.fetchDeltas;
    const encoder = new FetchObjectEncoder(caps, 200);
    const parts = [encodeFetchHeader(request, caps)];
    const objects: Record<string, unknown>[] = [];
    let group = 1_000_000;
    let object = -1;
    for (const { item, groups, subgroup, priority } of items) {
      group += descending ? -groups : groups;
      object = groups > 0 ? item.delta : object + 1 + item.delta;
      const { payload, properties, timestamp } = item;
      const size = payload.length;
      parts.push(encoder.object({ group, object, subgroup, priority, size, status: undefined, properties, timestamp }));
      parts.push(payload);
      const named = subgroup ?? (caps.fetchFlags ? undefined : object);
      objects.push({
        group: String(group),
        id: String(object),
        ...(named === undefined ? {} : { subgroup: String(named) }),
        priority: String(priority ?? 200),
        properties: kept(caps, item),
        ...payloadOf(payload, caps.fetchStatus),
      });
    }
    const described = { request_id: String(request), objects };
    return { kind: descending ? "fetch-descending" : "fetch", bytes: concat(...parts), described };
  });
}

export function datagrams(caps: Capabilities): fc.Arbitrary<Written> {
  const fields = fc.record({
    trackAlias: NUMBER,
    group: NUMBER,
    object: fc.oneof(fc.constant(0), NUMBER),
    priority: PRIORITY,
    endsGroup: fc.boolean(),
  });
  const status = fc.option(fc.constantFrom("end_of_group" as const, "end_of_track" as const), { nil: undefined });
  return fc.tuple(fields, ITEM, status).map(([{ priority, ...rest }, item, said]) => {
    const payload = said === undefined ? item.payload : new Uint8Array(0);
    const datagram = {
      ...rest,
      ...(priority === undefined ? {} : { priority }),
      ...(said === undefined ? {} : { status: said }),
      properties: item.properties,
      timestamp: item.timestamp,
      payload,
    };
    const written = priority ?? (caps.defaultPriority ? undefined : 128);
    const described = {
      track_alias: String(rest.trackAlias),
      group: String(rest.group),
      id: String(rest.object),
      ...(written === undefined ? {} : { priority: String(written) }),
      ends_group: rest.endsGroup && said === undefined,
      properties: said === undefined ? kept(caps, item) : withStatus(caps, item),
      ...(said === undefined ? {} : { status: said === "end_of_group" ? "3" : "4" }),
      payload: hex(payload),
    };
    return { kind: "datagram", bytes: encodeObjectDatagram(datagram, caps), described };
  });
}
