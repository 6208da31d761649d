/** moq-transport, Variable-Length Integers: the examples of drafts 18 to 22, and the ends of each length. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Cursor } from "../../moq/wire/codec/cursor.ts";
import { ProtocolViolation } from "../../moq/wire/codec/errors.ts";
import { Inbox } from "../../moq/wire/codec/inbox.ts";
import { LEADING_ONES_VARINTS as CODEC, leadingOnesLength } from "../../moq/wire/codec/leading-ones-varint.ts";
import { Writer } from "../../moq/wire/codec/writer.ts";
import { bytes, hex } from "./support/bytes.ts";

const MAX = Number.MAX_SAFE_INTEGER;

/** Written as the draft's shortest form; `given` is a longer form of the draft's examples. */
const EXAMPLES: readonly [shortest: string, value: bigint, given?: string][] = [
  ["25", 37n],
  ["25", 37n, "8025"],
  ["bbbd", 15_293n],
  ["ed7f3e7d", 226_442_877n],
  ["faa1a0e403d8", 2_893_212_287_960n],
  ["fc8998abc66bc0", 151_288_809_941_952n],
  ["fefa318fa8e3ca11", 70_423_237_261_249_041n],
  ["ffffffffffffffffff", 18_446_744_073_709_551_615n],
  ["00", 0n],
  ["7f", 127n],
  ["8080", 128n],
  ["bfff", 2n ** 14n - 1n],
  ["c04000", 2n ** 14n],
  ["dfffff", 2n ** 21n - 1n],
  ["e0200000", 2n ** 21n],
  ["efffffff", 2n ** 28n - 1n],
  ["f010000000", 2n ** 28n],
  ["f0ffffffff", 2n ** 32n - 1n],
  ["f100000000", 2n ** 32n],
  ["f7ffffffff", 2n ** 35n - 1n],
  ["f80800000000", 2n ** 35n],
  ["fbffffffffff", 2n ** 42n - 1n],
  ["fc040000000000", 2n ** 42n],
  ["fdffffffffffff", 2n ** 49n - 1n],
  ["fe02000000000000", 2n ** 49n],
  ["fe1fffffffffffff", 2n ** 53n - 1n],
  ["fe20000000000000", 2n ** 53n],
  ["feffffffffffffff", 2n ** 56n - 1n],
  ["ff0100000000000000", 2n ** 56n],
];

describe("varints with leading ones", () => {
  for (const [shortest, value, given = shortest] of EXAMPLES) {
    test(`${given} is ${value}`, () => {
      assert.equal(hex(new Writer(CODEC).varintBig(value).finish()), shortest);
      assert.equal(new Cursor(CODEC, bytes(given), "TEST").varintBig(), value);
      const inbox = new Inbox(CODEC);
      inbox.push(bytes(given));
      assert.equal(inbox.varint(), Math.min(Number(value), MAX), "an inbox keeps to the largest exact number");
      assert.equal(inbox.left, 0);
      if (value > MAX) {
        assert.throws(() => new Cursor(CODEC, bytes(given), "TEST").varint(), {
          message: "TEST: number over 2^53-1",
        });
        assert.equal(new Cursor(CODEC, bytes(given), "TEST").saturating(), MAX + 1);
        return;
      }
      assert.equal(hex(new Writer(CODEC).varint(Number(value)).finish()), shortest);
      assert.equal(leadingOnesLength(Number(value)), shortest.length / 2);
      assert.equal(new Cursor(CODEC, bytes(given), "TEST").varint(), Number(value));
    });
  }

  test("may have any length that holds the value, 7 bytes too", () => {
    const forms = ["25", "8025", "c00025", "e0000025", "f000000025", "f80000000025", "fc000000000025"];
    for (const digits of [...forms, "fe00000000000025", "ff0000000000000025"]) {
      assert.equal(new Cursor(CODEC, bytes(digits), "TEST").varint(), 37, digits);
      assert.equal(new Cursor(CODEC, bytes(digits), "TEST").varintBig(), 37n, digits);
    }
  });

  test("may not be cut off", () => {
    for (const digits of ["", "80", "c000", "fc0000000000", "fe000000000000", "ff00000000000000"]) {
      assert.throws(() => new Cursor(CODEC, bytes(digits), "TEST").varint(), ProtocolViolation);
    }
  });

  test("are written up to 64 bits, and too large numbers as the largest", () => {
    assert.throws(() => new Writer(CODEC).varintBig(2n ** 64n), RangeError);
    assert.equal(hex(new Writer(CODEC).varint(2 ** 60).finish()), "fe1fffffffffffff");
  });

  test("are read as they were written, in as many bytes as was said", () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(), fc.nat(300)), (value) => {
        const written = new Writer(CODEC).varint(value).finish();
        assert.equal(written.length, leadingOnesLength(value));
        assert.equal(CODEC.size(written[0] ?? 0), written.length);
        assert.equal(new Cursor(CODEC, written, "TEST").varint(), value);
        assert.deepEqual(new Writer(CODEC).varintBig(BigInt(value)).finish(), written);
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const written = new Writer(CODEC).varintBig(value).finish();
        assert.equal(new Cursor(CODEC, written, "TEST").varintBig(), value);
      }),
    );
  });
});
