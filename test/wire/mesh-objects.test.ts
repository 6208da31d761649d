/** Objects of the mesh wire: in streams of subgroups, in datagrams, and in answers to a FETCH. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BoundExceeded, ProtocolViolation } from "../../moq/wire/codec/errors.ts";
import { DEFAULT_WIRE_LIMITS } from "../../moq/wire/codec/limits.ts";
import {
  type FetchedObject,
  FetchedObjectEncoder,
  FetchedObjectReader,
  type FetchGap,
} from "../../moq/wire/lite/fetched-objects.ts";
import { encodeObjectHeader, ObjectReader, type ObjectStatus, PROPERTIES_BYTES } from "../../moq/wire/lite/object.ts";
import {
  decodeObjectDatagram,
  encodeObjectDatagram,
  type ObjectDatagram,
} from "../../moq/wire/lite/object-datagram.ts";
import { bytes, concat, hex } from "./support/bytes.ts";

const LIMITS = { ...DEFAULT_WIRE_LIMITS, frameBytes: 100_000 };
const NONE = new Uint8Array(0);
/** Records with the prototype of objects that code makes. */
const PLAIN = { noNullPrototype: true };

/** One object: with a payload, or with a status. */
interface One {
  readonly id: number;
  readonly timestamp: number;
  readonly properties: string | undefined;
  readonly payload?: string;
  readonly status?: ObjectStatus;
}

/** All objects of a stream that arrives in the `pieces`. */
function read(pieces: readonly Uint8Array[]): One[] {
  const all: One[] = [];
  let current: Omit<One, "payload" | "status"> | undefined;
  let payload = "";
  const reader = new ObjectReader(LIMITS, {
    object: (_size, timestamp = 0, id = -1, properties) => {
      current = { id, timestamp, properties: properties && hex(properties) };
      payload = "";
    },
    payload: (more) => {
      payload += hex(more);
    },
    end: () => {
      if (current !== undefined) all.push({ ...current, payload });
    },
    status: (status, id, properties) => {
      all.push({ id, timestamp: 0, properties: properties && hex(properties), status });
    },
  });
  for (const piece of pieces) reader.push(piece);
  reader.finish();
  return all;
}

/** The bytes of a stream. */
function write(objects: readonly One[]): Uint8Array {
  let [id, timestamp] = [-1, 0];
  const parts = objects.flatMap((one) => {
    const payload = bytes(one.payload ?? "");
    const properties = one.properties === undefined ? undefined : bytes(one.properties);
    const delta = one.status === undefined ? one.timestamp - timestamp : 0;
    const header = encodeObjectHeader(payload.length, delta, one.id - id - 1, properties, one.status).slice();
    id = one.id;
    timestamp += delta;
    return [header, payload];
  });
  return concat(...parts);
}

function inPieces(all: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < all.length; at += size) pieces.push(all.subarray(at, at + size));
  return pieces;
}

const hexBytes = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength }).map((all) => hex(all));
const anyProperties = fc.option(fc.oneof(fc.constant(""), hexBytes(40)), { nil: undefined });
const statuses = fc.constantFrom<ObjectStatus>("end_of_group", "end_of_track", "does_not_exist");
const pieceSizes = fc.integer({ min: 1, max: 70 });

/** Objects whose ids ascend. */
const objectsOfStream: fc.Arbitrary<One[]> = fc
  .array(
    fc.record({
      step: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2 ** 40 })),
      timestamp: fc.oneof(fc.integer(), fc.integer({ min: -(2 ** 51), max: 2 ** 51 })),
      properties: anyProperties,
      what: fc.oneof(
        fc.oneof(fc.constant(""), hexBytes(90)).map((payload) => ({ payload })),
        statuses.map((status) => ({ status })),
      ),
    }),
    { maxLength: 12 },
  )
  .map((all) => {
    let id = -1;
    return all.map(({ step, timestamp, properties, what }) => {
      id += step;
      return { id, timestamp: "status" in what ? 0 : timestamp, properties, ...what };
    });
  });

describe("objects of a subgroup", () => {
  test("that are like frames of moq-lite have no flags", () => {
    assert.equal(hex(encodeObjectHeader(3, 1000, 0, undefined, undefined)), "47d006");
    assert.equal(hex(encodeObjectHeader(0, -1, 0, undefined, undefined)), "0100");
  });

  test("have their id, properties and status behind the flags", () => {
    assert.equal(hex(encodeObjectHeader(3, 0, 5, undefined, undefined)), "00070105");
    assert.equal(hex(encodeObjectHeader(3, 0, 0, bytes("aabb"), undefined)), "00070202aabb");
    assert.equal(hex(encodeObjectHeader(3, 0, 0, NONE, undefined)), "000704");
    assert.equal(hex(encodeObjectHeader(0, 0, 1, bytes("aa"), "end_of_track")), "0001230101aa");
  });

  test("are read as they were written, from pieces of any size", () => {
    fc.assert(
      fc.property(objectsOfStream, pieceSizes, (objects, size) => {
        assert.deepEqual(read(inPieces(write(objects), size)), objects);
      }),
    );
  });

  test("have properties of up to 64 KiB", () => {
    const longest = "ab".repeat(PROPERTIES_BYTES);
    const objects = [{ id: 3, timestamp: 9, properties: longest, payload: "cc" }];
    assert.deepEqual(read(inPieces(write(objects), 1000)), objects);
    assert.throws(
      () => read([write([{ id: 0, timestamp: 0, properties: `${longest}00`, payload: "" }])]),
      ProtocolViolation,
    );
  });

  for (const [what, all] of [
    ["unknown flags", "000108"],
    ["a status and a payload", "00 03 10 aa"],
    ["properties of length 0", "00 01 02 00"],
    ["an id beyond 2^53-1", "00 01 01 ffffffffffffffff"],
    ["a timestamp beyond 2^53-1", "ffffffffffffffff 00"],
    ["an end inside an object", "00 06 aabb"],
    ["an end inside a header", "00 07 02 02 aa"],
  ] as const) {
    test(`break the protocol with ${what}`, () => {
      assert.throws(() => read([bytes(all)]), ProtocolViolation);
    });
  }

  test("that are too large end their group alone", () => {
    assert.throws(() => read([encodeObjectHeader(100_001, 0, 0, undefined, undefined)]), BoundExceeded);
  });
});

describe("an object in a datagram", () => {
  const plain = { subscribe: 1, group: 2, object: 3, properties: undefined, endsGroup: false };

  test("has its fields by its flags", () => {
    const payload = bytes("aabb");
    assert.equal(hex(encodeObjectDatagram({ ...plain, timestamp: undefined, payload })), "01020300aabb");
    const all = { ...plain, timestamp: 5, priority: 200, properties: bytes("cc"), endsGroup: true, payload };
    assert.equal(hex(encodeObjectDatagram(all)), "0102034b05c801ccaabb");
    const status = { ...plain, timestamp: undefined, properties: NONE, status: "end_of_group", payload: NONE } as const;
    assert.equal(hex(encodeObjectDatagram(status)), "01020314");
  });

  test("is read as it was written", () => {
    const optional = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
    const record = fc.record({
      subscribe: fc.maxSafeNat(),
      group: fc.maxSafeNat(),
      object: fc.maxSafeNat(),
      timestamp: optional(fc.maxSafeNat()),
      priority: optional(fc.nat(255)),
      properties: anyProperties,
      status: optional(statuses),
      endsGroup: fc.boolean(),
      payload: fc.uint8Array({ maxLength: 50 }),
    });
    fc.assert(
      fc.property(record, ({ priority, status, properties, payload, ...rest }) => {
        const datagram: ObjectDatagram = {
          ...rest,
          properties: properties === undefined ? undefined : bytes(properties),
          payload: status === undefined ? payload : NONE,
          ...(priority === undefined ? {} : { priority }),
          ...(status === undefined ? {} : { status }),
        };
        const decoded = decodeObjectDatagram(encodeObjectDatagram(datagram));
        assert.deepEqual(plainOf(decoded), plainOf(datagram));
      }),
    );
  });

  test("is dropped where it is malformed or too long", () => {
    for (const all of [
      "",
      "0102",
      "010203",
      "01020308",
      "010203 02 05 aa",
      "010203 10 aa",
      "010203 80",
      "ffffffffffffffff 02 03 00",
    ])
      assert.equal(decodeObjectDatagram(bytes(all)), undefined, all);
    assert.equal(decodeObjectDatagram(new Uint8Array(1201)), undefined);
  });
});

/** The same with its bytes in hexadecimal. */
function plainOf(datagram: ObjectDatagram | undefined): unknown {
  return (
    datagram && {
      ...datagram,
      payload: hex(datagram.payload),
      properties: datagram.properties && hex(datagram.properties),
    }
  );
}

type Item =
  | (Omit<FetchedObject, "properties" | "size"> & { properties: string | undefined; payload: string })
  | { kind: FetchGap; end: { group: number; object: number } };

function readFetch(pieces: readonly Uint8Array[]): Item[] {
  const all: Item[] = [];
  let payload = "";
  let current: Omit<FetchedObject, "properties" | "size"> & { properties: string | undefined } = undefined as never;
  const end = () => all.push({ ...current, payload });
  const reader = new FetchedObjectReader(LIMITS, {
    object: ({ size: _, properties, ...one }) => {
      current = { ...one, properties: properties && hex(properties) };
      payload = "";
      if (one.status !== undefined) end();
    },
    payload: (more) => {
      payload += hex(more);
    },
    end,
    gap: (kind, at) => all.push({ kind, end: at }),
  });
  for (const piece of pieces) reader.push(piece);
  reader.finish();
  return all;
}

function writeFetch(items: readonly Item[]): Uint8Array {
  const encoder = new FetchedObjectEncoder();
  return concat(
    ...items.flatMap((item) => {
      if ("kind" in item) return [encoder.gap(item.kind, item.end)];
      const payload = bytes(item.payload);
      const properties = item.properties === undefined ? undefined : bytes(item.properties);
      return [encoder.object({ ...item, properties, size: payload.length }), payload];
    }),
  );
}

describe("the answer to a FETCH", () => {
  const first = { group: 7, object: 0, subgroup: 0, priority: undefined, status: undefined, properties: undefined };

  test("names what differs from the object before", () => {
    const items: Item[] = [
      { ...first, timestamp: 1000, payload: "aa" },
      { ...first, object: 1, timestamp: 1010, payload: "bb" },
      { ...first, object: 4, subgroup: 2, priority: 9, timestamp: undefined, properties: "cc", payload: "dd" },
      { ...first, group: 8, subgroup: undefined, priority: 9, timestamp: undefined, payload: "ee" },
      { kind: "timed_out", end: { group: 9, object: Number.MAX_SAFE_INTEGER } },
    ];
    const all = writeFetch(items);
    assert.equal(
      hex(all),
      "4048 07 47d0 01 aa  08 14 01 bb  4183 03 0a 04 01cc 01 dd  40c0 08 00 01 ee  4202 09 00".replaceAll(" ", ""),
    );
    assert.deepEqual(readFetch([all]), items);
  });

  test("is read as it was written, from pieces of any size", () => {
    const places = { group: fc.oneof(fc.nat(3), fc.maxSafeNat()), object: fc.oneof(fc.nat(3), fc.maxSafeNat()) };
    const object = fc.record({
      ...places,
      subgroup: fc.option(fc.nat(5), { nil: undefined }),
      priority: fc.option(fc.nat(255), { nil: undefined }),
      timestamp: fc.option(fc.integer(), { nil: undefined }),
      properties: anyProperties,
      what: fc.oneof(
        fc.oneof(fc.constant(""), hexBytes(90)).map((payload) => ({ payload, status: undefined })),
        statuses.map((status) => ({ status, payload: "" })),
      ),
    });
    const gap = fc.record(
      {
        kind: fc.constantFrom<FetchGap>("unknown", "nonexistent", "timed_out"),
        end: fc.record(places, PLAIN),
      },
      PLAIN,
    );
    const item = fc.oneof(
      object.map(({ what, ...rest }): Item => ({ ...rest, ...what })),
      gap.map((one): Item => one),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 10 }), pieceSizes, (items, size) => {
        assert.deepEqual(readFetch(inPieces(writeFetch(items), size)), items);
      }),
    );
  });

  for (const [what, all] of [
    ["an unknown kind of gap", "4203 07 00"],
    ["unknown flags", "4400"],
    ["a first object without a group", "08 00 00"],
    ["a status and a payload", "4050 07 01 aa"],
    ["a priority above 255", "4140 07 4101 00"],
    ["an end inside an object", "4040 07 02 aa"],
  ] as const) {
    test(`breaks the protocol with ${what}`, () => {
      assert.throws(() => readFetch([bytes(all)]), ProtocolViolation);
    });
  }
});
