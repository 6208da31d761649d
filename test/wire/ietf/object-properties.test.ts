/** Properties of objects: their form, LOC timestamps, and what other drafts and moq-lite make of them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ProtocolViolation } from "../../../moq/wire/codec/index.ts";
import { encodeObjectHeader } from "../../../moq/wire/ietf/object-header.ts";
import { propertiesFor } from "../../../moq/wire/ietf/object-properties.ts";
import { fromPresent, toPresent } from "../../../moq/wire/ietf/property-forms.ts";
import type { Capabilities } from "../../../moq/wire/ietf/versions.ts";
import { bytes, concat, hex } from "../support/bytes.ts";
import { dataReading, draft, EVERY_DATA_DRAFT } from "./support/data.ts";

/** Reads an object with those properties. Returns its timestamp. */
function timestampOf(caps: Capabilities, properties: string, timescale?: number): number | undefined {
  const reading = dataReading(caps, "subgroup", timescale);
  const block = bytes(properties);
  assert.ok(block.length < 64);
  reading.push(concat(bytes("11010580 00"), Uint8Array.of(block.length), block, bytes("01aa")));
  return reading.timestamps[0];
}

describe("a LOC timestamp", () => {
  test("is read from TIMESTAMP, between other properties", () => {
    for (const number of [18, 20, 22, 23]) {
      assert.equal(timestampOf(draft(number), "10 c15f90"), 90_000);
      // VIDEO_FRAME_MARKING before it, PRIOR_OBJECT_ID_GAP after it.
      assert.equal(timestampOf(draft(number), "09 02aabb 07 c15f90 2e 01"), 90_000);
      assert.equal(timestampOf(draft(number), ""), undefined);
      assert.equal(timestampOf(draft(number), "3e01"), undefined);
    }
    assert.equal(timestampOf(draft(16), "09 02aabb 07 80015f90 2e 01"), 90_000);
    assert.equal(timestampOf(draft(14), "09 02aabb 3e 01 10 80015f90"), 90_000);
  });

  test("is read from the type of draft 03 where there is no other", () => {
    assert.equal(timestampOf(draft(18), "06 05"), 5);
    assert.equal(timestampOf(draft(18), "06 05 0a 07"), 7);
  });

  test("is read from Immutable Properties, too", () => {
    assert.equal(timestampOf(draft(18), "0b 04 10c15f90"), 90_000);
    assert.equal(timestampOf(draft(16), "0b 05 1080015f90"), 90_000);
    // What cannot be parsed in there makes a malformed track, which receivers refuse, not the session.
    assert.equal(timestampOf(draft(18), "0b 02 10c1"), undefined);
    assert.equal(timestampOf(draft(18), "0b 03 0bffff"), undefined);
  });

  test("has the timescale of its object, and else that of its track", () => {
    assert.equal(timestampOf(draft(18), "10 8064", 48_000), 100);
    // TIMESCALE 1000 on the object.
    assert.equal(timestampOf(draft(18), "08 83e8 08 8064", 1000), 100);
    assert.equal(timestampOf(draft(18), "08 83e8 08 8064", 1_000_000), 100_000);
    assert.equal(timestampOf(draft(18), "08 83e8 08 8064", 48_000), 4800);
    assert.equal(timestampOf(draft(18), "08 00 08 8064", 1000), 100, "a timescale of 0 says nothing");
  });

  test("that is not exact is none", () => {
    assert.equal(timestampOf(draft(18), "10 fe20000000000000"), undefined);
    assert.equal(timestampOf(draft(18), "08 01 08 fe1fffffffffffff", 1_000_000), undefined);
  });
});

describe("properties that are malformed end the session", () => {
  for (const [what, properties] of [
    ["a type that is cut", "c0"],
    ["a type without a value", "10"],
    ["a number that is cut", "10c1"],
    ["a value that is cut", "0903aabb"],
    ["a length that is cut", "0980"],
    ["a value over 2^16-1 bytes", "09c10000"],
    ["a type over 2^64-1", "feffffffffffffff00 ffffffffffffffffff 00"],
    ["a type over 2^64-1, after a long way", "fffffffffffffffffe 00 01 00 01 00"],
  ] as const) {
    test(what, () => assert.throws(() => timestampOf(draft(18), properties), ProtocolViolation));
  }

  test("and the largest type is none of them", () => {
    assert.equal(timestampOf(draft(18), "10 05 ffffffffffffffffef 00"), 5);
  });

  test("however many there are after a type near the limit", () => {
    const reading = dataReading(draft(18), "subgroup");
    const many = concat(bytes("fffffffffffffffffe 00"), bytes("0000".repeat(30_000)));
    const header = encodeObjectHeader(draft(18), 1, 0, many, undefined, undefined);
    const start = performance.now();
    reading.push(concat(bytes("11010580"), header, bytes("aa")));
    // Computed for each of them, it would take a minute.
    assert.ok(performance.now() - start < 5000, "the exact sum is computed once");
    assert.equal((reading.stream["objects"] as unknown[]).length, 1);
  });
});

describe("properties in another draft", () => {
  const present = bytes("08 83e8 03 02aabb 05 c15f90 2a ed7f3e7d");

  test("are the same byte for byte from 18 on", () => {
    for (const number of [18, 20, 22, 23]) {
      assert.equal(propertiesFor(draft(number), present, 7), present);
    }
  });

  test("have the varints and types of 16 and 14, and come back the same", () => {
    assert.equal(
      hex(fromPresent(bytes("08 83e8 03 02aabb 05 c15f90"), draft(16))),
      hex(bytes("08 43e8 03 02aabb 05 80015f90")),
    );
    assert.equal(
      hex(fromPresent(bytes("08 83e8 03 02aabb 05 c15f90"), draft(14))),
      hex(bytes("08 43e8 0b 02aabb 10 80015f90")),
    );
    for (const number of [14, 16]) {
      assert.equal(hex(toPresent(fromPresent(present, draft(number)), draft(number))), hex(present));
    }
  });

  test("are put in order where draft 14 has another one", () => {
    assert.equal(hex(toPresent(bytes("3e 01 09 01aa 10 05"), draft(14))), hex(bytes("09 01aa 07 05 2e 01")));
  });

  test("that the draft cannot write are left out", () => {
    // Numbers of 2^62 and more, as value and as type.
    assert.equal(hex(fromPresent(bytes("10 ff4000000000000000 02 05 ff7fffffffffffffe0 00"), draft(16))), "1205");
    // Draft 16 has deltas, which may add up to more: here to 2^62 and 2, with a third pair that is too far from the second.
    const far = bytes("ff3ffffffffffffffe 00 04 05 ff4000000000000000 06");
    assert.equal(hex(fromPresent(far, draft(16))), hex(bytes("fffffffffffffffe 00 04 05")));
    assert.equal(hex(fromPresent(far, draft(14))), hex(bytes("fffffffffffffffe 00")));
    // Malformed: no viewer's session may end for it.
    assert.equal(fromPresent(bytes("10 05 09 ff"), draft(16)).length, 0);
  });
});

describe("an object from moq-lite", () => {
  test("gets its timestamp as a property", () => {
    assert.equal(hex(propertiesFor(draft(18), undefined, 90_000)), "10c15f90");
    assert.equal(hex(propertiesFor(draft(16), undefined, 90_000)), "1080015f90");
    assert.equal(hex(propertiesFor(draft(14), undefined, 90_000)), "1080015f90");
  });

  test("has no property where there is no timestamp, or one before 0", () => {
    for (const timestamp of [undefined, -1, -(2 ** 60)]) {
      assert.equal(propertiesFor(draft(18), undefined, timestamp).length, 0);
    }
  });

  test("has the same timestamp when it is read", () => {
    for (const caps of EVERY_DATA_DRAFT) {
      for (const timestamp of [0, 5, 90_000, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
        assert.equal(timestampOf(caps, hex(propertiesFor(caps, undefined, timestamp))), timestamp);
      }
    }
  });
});

describe("the header of an object", () => {
  test("is an id, properties and a size, and a status where there is no payload", () => {
    const caps = draft(18);
    assert.equal(hex(encodeObjectHeader(caps, 300, 0, bytes(""), undefined, 7)), "0000812c");
    assert.equal(hex(encodeObjectHeader(caps, 300, 200, bytes("3e01"), undefined, 7)), "80c8023e01812c");
    assert.equal(hex(encodeObjectHeader(caps, 0, 0, bytes(""), undefined, 7)), "00000000");
    assert.equal(hex(encodeObjectHeader(caps, 0, 0, undefined, undefined, 7)), "000210070000");
    assert.equal(hex(encodeObjectHeader(caps, 0, 1, bytes("3e01"), "end_of_group", 7)), "01000003");
    assert.equal(hex(encodeObjectHeader(caps, 0, 1, undefined, "end_of_track", 7)), "01000004");
    assert.equal(hex(encodeObjectHeader(draft(14), 0, 1, bytes("3e01"), "end_of_group", 7)), "01023e010003");
    assert.equal(hex(encodeObjectHeader(draft(14), 0, 1, bytes("3e01"), "does_not_exist", 7)), "01000001");
    assert.throws(() => encodeObjectHeader(caps, 0, 1, undefined, "does_not_exist", 7), RangeError);
  });

  test("uses the same memory again", () => {
    const caps = draft(18);
    const first = encodeObjectHeader(caps, 300, 0, bytes("3e01"), undefined, 7);
    const second = encodeObjectHeader(caps, 300, 0, bytes("3e02"), undefined, 7);
    assert.equal(first.buffer, second.buffer);
    assert.equal(first, second, "no view is made for a short header");
    const long = encodeObjectHeader(caps, 1, 0, new Uint8Array(60_000), undefined, 7);
    assert.equal(long.length, 1 + 3 + 60_000 + 1);
  });
});
