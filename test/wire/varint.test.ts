/** RFC 9000 section 16, with the examples of its appendix A.1. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Cursor } from "../../moq/wire/codec/cursor.ts";
import { ProtocolViolation } from "../../moq/wire/codec/errors.ts";
import { getVarint, QUIC_VARINTS, varintLength } from "../../moq/wire/codec/quic-varint.ts";
import { Writer } from "../../moq/wire/codec/writer.ts";
import { getSigned, putSigned } from "../../moq/wire/lite/signed-varint.ts";
import { bytes, hex } from "./support/bytes.ts";

const MAX = Number.MAX_SAFE_INTEGER;

function written(write: (writer: Writer) => Writer): string {
  return hex(write(new Writer(QUIC_VARINTS)).finish());
}

describe("varints", () => {
  const examples: readonly [string, bigint][] = [
    ["c2197c5eff14e88c", 151_288_809_941_952_652n],
    ["9d7f3e7d", 494_878_333n],
    ["7bbd", 15_293n],
    ["25", 37n],
    ["00", 0n],
    ["3f", 63n],
    ["4040", 64n],
    ["7fff", 16_383n],
    ["80004000", 16_384n],
    ["bfffffff", 1_073_741_823n],
    ["c000000040000000", 1_073_741_824n],
    ["c0000000ffffffff", 4_294_967_295n],
    ["c000000100000000", 4_294_967_296n],
    ["c01fffffffffffff", 9_007_199_254_740_991n],
    ["c020000000000000", 9_007_199_254_740_992n],
    ["ffffffffffffffff", 4_611_686_018_427_387_903n],
  ];

  for (const [digits, value] of examples) {
    test(`${digits} is ${value}`, () => {
      assert.equal(
        written((writer) => writer.varintBig(value)),
        digits,
      );
      assert.equal(new Cursor(QUIC_VARINTS, bytes(digits), "TEST").varintBig(), value);
      if (value > MAX) {
        assert.throws(() => new Cursor(QUIC_VARINTS, bytes(digits), "TEST").varint(), ProtocolViolation);
        assert.ok(new Cursor(QUIC_VARINTS, bytes(digits), "TEST").saturating() > MAX);
        return;
      }
      assert.equal(
        written((writer) => writer.varint(Number(value))),
        digits,
      );
      assert.equal(varintLength(Number(value)), digits.length / 2);
      assert.equal(new Cursor(QUIC_VARINTS, bytes(digits), "TEST").varint(), Number(value));
    });
  }

  test("may be longer than necessary", () => {
    for (const digits of ["25", "4025", "80000025", "c000000000000025"]) {
      assert.equal(new Cursor(QUIC_VARINTS, bytes(digits), "TEST").varint(), 37);
      assert.equal(new Cursor(QUIC_VARINTS, bytes(digits), "TEST").varintBig(), 37n);
    }
  });

  test("may not be cut off", () => {
    for (const digits of ["", "40", "800000", "c0000000000000"]) {
      assert.throws(() => new Cursor(QUIC_VARINTS, bytes(digits), "TEST").varint(), {
        message: "TEST: ends too early",
      });
    }
  });

  test("refuse values that cannot be written, and write too large numbers as the largest", () => {
    assert.throws(() => new Writer(QUIC_VARINTS).varint(-1), RangeError);
    assert.throws(() => new Writer(QUIC_VARINTS).varint(Number.NaN), RangeError);
    assert.throws(() => new Writer(QUIC_VARINTS).varintBig(-1n), RangeError);
    assert.throws(() => new Writer(QUIC_VARINTS).varintBig(2n ** 62n), RangeError);
    assert.throws(() => new Writer(QUIC_VARINTS).u8(256), RangeError);
    assert.equal(
      written((writer) => writer.varint(2 ** 60)),
      "c01fffffffffffff",
    );
  });
});

describe("signed varints", () => {
  for (const [digits, value] of [
    ["00", 0],
    ["01", -1],
    ["02", 1],
    ["3f", -32],
    ["4040", 32],
    ["c01fffffffffffff", -(2 ** 52)],
    ["c020000000000000", 2 ** 52],
    ["c020000000000001", -(2 ** 52) - 1],
    ["c03ffffffffffffe", MAX],
    ["c03ffffffffffffd", -MAX],
  ] as const) {
    test(`${digits} is ${value}`, () => {
      const into = new Uint8Array(8);
      const end = putSigned(into, 0, value);
      assert.equal(hex(into.subarray(0, end)), digits);
      assert.equal(getSigned(bytes(digits), 0), value);
    });
  }

  test("beyond the safe integers are NaN", () => {
    for (const digits of ["c03fffffffffffff", "c040000000000000", "ffffffffffffffff"]) {
      assert.ok(Number.isNaN(getSigned(bytes(digits), 0)));
    }
  });

  test("are read as they were written", () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer()), (value) => {
        const into = new Uint8Array(9);
        putSigned(into, 1, value);
        assert.equal(getSigned(into, 1), value);
      }),
    );
  });
});

test("strings keep a byte order mark, since names are equal byte by byte", () => {
  const marked = "\ufefflive";
  const encoded = new Writer(QUIC_VARINTS).string(marked).finish();
  assert.equal(hex(encoded), "07efbbbf6c697665");
  assert.equal(new Cursor(QUIC_VARINTS, encoded, "TEST").string(7), marked);
  assert.equal(new Cursor(QUIC_VARINTS, encoded.subarray(1), "TEST").text(7), marked);
});

test("a writer grows with what is written", () => {
  const large = new Uint8Array(100_000).fill(7);
  const message = new Writer(QUIC_VARINTS).u8(1).raw(large).varint(5).message(Uint8Array.of(9));
  assert.equal(message.length, 1 + 4 + 1 + large.length + 1);
  assert.equal(getVarint(message, 1), large.length + 2);
  assert.equal(message.at(-1), 5);
});
