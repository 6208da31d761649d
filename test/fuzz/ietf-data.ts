/** The readers of data streams and datagrams of moq-transport accept or refuse any input, in any pieces, and do the same each time. */
import assert from "node:assert/strict";
import { BoundExceeded, DEFAULT_WIRE_LIMITS, ProtocolViolation } from "../../moq/wire/codec/index.ts";
import { encodeFetchHeader, FetchObjectEncoder } from "../../moq/wire/ietf/fetch-encoder.ts";
import type { FetchGap, FetchSink } from "../../moq/wire/ietf/fetch-objects.ts";
import { decodeObjectDatagram, encodeObjectDatagram } from "../../moq/wire/ietf/object-datagram.ts";
import { encodeObjectHeader } from "../../moq/wire/ietf/object-header.ts";
import { DEFAULT_TIMESCALE, PROPERTIES_BYTES } from "../../moq/wire/ietf/object-properties.ts";
import type { ObjectStatus } from "../../moq/wire/ietf/object-status.ts";
import { encodeSubgroupHeader, type SubgroupHeader } from "../../moq/wire/ietf/subgroup-header.ts";
import type { ObjectSink } from "../../moq/wire/ietf/subgroup-objects.ts";
import { UniReader } from "../../moq/wire/ietf/uni.ts";
import type { Capabilities } from "../../moq/wire/ietf/versions.ts";
import { type DataKind, EVERY_DATA_DRAFT } from "../wire/ietf/support/data.ts";
import { bytes, concat, hex } from "../wire/support/bytes.ts";
import { ORACLE_VECTORS } from "../wire/support/oracle-vectors.ts";
import { Random, seedOf } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

export function ietfDataTargets(): FuzzTarget[] {
  return EVERY_DATA_DRAFT.flatMap((caps) => [
    streamTarget("subgroup", caps),
    streamTarget("fetch", caps),
    // Draft 14 has no vectors of it, and its objects of a fetch do not depend on the order.
    ...(caps.fetchFlags ? [streamTarget("fetch-descending", caps)] : []),
    datagramTarget(caps),
  ]);
}

/** What a reader said of one object or gap. */
interface Item {
  group?: number;
  id: number;
  subgroup?: number | undefined;
  priority?: number | undefined;
  size: number;
  status?: ObjectStatus | undefined;
  timestamp?: number | undefined;
  /** Hexadecimal. */
  properties: string;
  gap?: FetchGap;
  /** Hexadecimal. */
  payload: string;
  whole: boolean;
}

interface Outcome {
  readonly header?: SubgroupHeader;
  readonly request?: number;
  readonly control: number[];
  readonly items: readonly Item[];
  readonly refused?: string;
}

function streamTarget(kind: DataKind, caps: Capabilities): FuzzTarget {
  return {
    name: `${kind} ${caps.protocol}`,
    sound: sound(kind, caps),
    run: (input) => {
      const whole = outcome(kind, caps, input, () => input.length);
      const random = new Random(seedOf(input));
      const longest = 1 + random.below(24);
      assert.deepEqual(
        outcome(kind, caps, input, () => 1 + random.below(longest)),
        whole,
        "read in pieces as in one",
      );
      checkBounds(whole, input);
      if (whole.refused !== undefined) return false;
      const again = rewritten(whole, caps);
      if (again !== undefined) {
        const reread = outcome(kind, caps, again, () => again.length);
        same(comparable(reread, caps), comparable(whole, caps), "what was read can be written, and reads the same");
      }
      return true;
    },
  };
}

/** Bytes from what `hex` made. */
function raw(digits: string): Uint8Array {
  return Buffer.from(digits, "hex");
}

/** Fast where both are equal. */
function same(actual: unknown, expected: unknown, what: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) assert.deepEqual(actual, expected, what);
}

/** Vectors of the draft, in draft 23 those of 22, and streams that have no objects. */
function sound(kind: DataKind | "datagram", caps: Capabilities): Uint8Array[] {
  const own = caps.protocol === "moqt-23" ? "moqt-22" : caps.protocol;
  const vectors = ORACLE_VECTORS.filter((vector) => `moqt-${vector.draft}` === own && vector.kind === kind);
  const others = kind === "datagram" ? ["f0132b3e29 00"] : ["f0132b3e28 0000", "af00 0000"];
  const extra = caps.padding ? others.map(bytes) : [];
  return [...vectors.map(({ hex }) => bytes(hex)), ...extra];
}

function outcome(kind: DataKind, caps: Capabilities, input: Uint8Array, size: () => number): Outcome {
  const items: Item[] = [];
  const control: number[] = [];
  const found: { header?: SubgroupHeader; request?: number } = {};
  const last = () => {
    const item = items.at(-1);
    assert.ok(item);
    assert.equal(item.whole, false, "nothing follows the end of an object");
    return item;
  };
  const begin = (item: Item) => {
    assert.notEqual(items.at(-1)?.whole, false, "the object before is complete");
    items.push(item);
  };
  const rest = {
    payload: (piece: Uint8Array) => {
      assert.ok(piece.length > 0);
      const item = last();
      item.payload += hex(piece);
    },
    end: () => {
      const item = last();
      assert.equal(item.payload.length, 2 * item.size);
      item.whole = true;
    },
  };
  const objects: ObjectSink = {
    ...rest,
    object: (size, timestamp, id, properties) =>
      begin({ id, size, timestamp, properties: hex(properties), payload: "", whole: false }),
    status: (status, id, properties) =>
      begin({ id, size: 0, status, properties: hex(properties), payload: "", whole: true }),
  };
  const fetched: FetchSink = {
    ...rest,
    object: ({ object, properties, status, ...fields }) =>
      begin({
        ...fields,
        id: object,
        properties: hex(properties),
        status,
        payload: "",
        whole: status !== undefined,
      }),
    gap: (gap, { group, object }) =>
      begin({ group, id: object, size: 0, properties: "", gap, payload: "", whole: true }),
  };
  const reader = new UniReader(caps, DEFAULT_WIRE_LIMITS, {
    subgroup: (header, open) => {
      found.header = header;
      return open({ sink: objects, timescale: DEFAULT_TIMESCALE });
    },
    fetch: (request) => {
      found.request = request;
      return { sink: fetched, timescale: DEFAULT_TIMESCALE, descending: kind === "fetch-descending" };
    },
    control: () => ({
      push: (piece) => {
        for (const byte of piece) control.push(byte);
        return piece.subarray(piece.length);
      },
      finish: () => {},
    }),
  });
  try {
    for (let at = 0; at < input.length; ) {
      const piece = input.slice(at, at + size());
      at += piece.length;
      assert.equal(reader.push(piece).length, 0, "all is read without an allowance");
      piece.fill(0xee);
    }
    reader.finish();
  } catch (error) {
    if (!(error instanceof ProtocolViolation || error instanceof BoundExceeded)) throw error;
    assert.ok(error.message.length <= 128, "short enough for a log");
    return { ...found, control, items, refused: `${error.name} ${error.message}` };
  }
  return { ...found, control, items };
}

/** Nothing is made of nothing, ids ascend, and no properties are longer than their bound. */
function checkBounds({ items }: Outcome, input: Uint8Array): void {
  assert.ok(items.length <= input.length);
  assert.ok(items.reduce((sum, { payload }) => sum + payload.length / 2, 0) <= input.length);
  for (const [index, { id, group, properties }] of items.entries()) {
    assert.ok(Number.isSafeInteger(id) && Number.isSafeInteger(group ?? 0));
    assert.ok(properties.length <= 2 * (PROPERTIES_BYTES + 16));
    const before = items[index - 1];
    if (group === undefined && before !== undefined) assert.ok(id > before.id);
  }
}

/** The bytes that we write for what was read; nothing for other streams than those with objects. */
function rewritten({ header, request, items }: Outcome, caps: Capabilities): Uint8Array | undefined {
  if (header !== undefined) {
    let last = -1;
    const parts = items.flatMap(({ id, size, status, properties, timestamp, payload }) => {
      const delta = id - last - 1;
      last = id;
      const written = encodeObjectHeader(caps, size, delta, raw(properties), status, timestamp).slice();
      return [written, raw(payload)];
    });
    return concat(encodeSubgroupHeader(header, caps), ...parts);
  }
  if (request === undefined) return undefined;
  const encoder = new FetchObjectEncoder(caps);
  const parts = items.flatMap(
    ({ gap, group = 0, id, subgroup, priority, size, status, timestamp, properties, payload }) => {
      if (gap !== undefined) return [encoder.gap(gap, { group, object: id }) ?? new Uint8Array(0)];
      const object = { group, object: id, subgroup, priority, size, status, timestamp, properties: raw(properties) };
      return [encoder.object(object).slice(), raw(payload)];
    },
  );
  return concat(encodeFetchHeader(request, caps), ...parts);
}

/** Without what a draft does not write back: gaps where it leaves them out, a priority that was not given, which object is the first. */
function comparable({ header, request, items }: Outcome, { firstObjectBit }: Capabilities): unknown {
  const kept = items
    .filter(({ gap }) => gap !== "nonexistent")
    .map(({ priority = 128, ...item }) => ({ priority, ...item }));
  const said = header && (firstObjectBit ? header : { ...header, firstObject: false });
  return { header: said, request, items: kept };
}

function datagramTarget(caps: Capabilities): FuzzTarget {
  return {
    name: `datagram ${caps.protocol}`,
    sound: sound("datagram", caps),
    run: (input) => {
      const read = datagramIn(caps, input);
      if (read === undefined) return false;
      assert.ok(read.payload.length <= input.length);
      assert.deepEqual(datagramIn(caps, encodeObjectDatagram(read, caps)), read, "what was read can be written");
      return true;
    },
  };
}

/** Nothing for a datagram that is refused, or is no object. */
function datagramIn(caps: Capabilities, input: Uint8Array) {
  try {
    const { timestampIn, ...read } = decodeObjectDatagram(input, caps, DEFAULT_WIRE_LIMITS) ?? {};
    if (timestampIn === undefined || !("trackAlias" in read)) return undefined;
    const copy = { ...read, properties: read.properties.slice(), payload: read.payload.slice() };
    return { ...copy, timestamp: timestampIn(DEFAULT_TIMESCALE) };
  } catch (error) {
    if (!(error instanceof ProtocolViolation || error instanceof BoundExceeded)) throw error;
    assert.ok(error.message.length <= 128, "short enough for a log");
    return undefined;
  }
}
