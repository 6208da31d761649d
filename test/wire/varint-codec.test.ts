/** The shared readers and writers use the varint codec that they are given. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Cursor } from "../../moq/wire/codec/cursor.ts";
import { ProtocolViolation } from "../../moq/wire/codec/errors.ts";
import { Inbox } from "../../moq/wire/codec/inbox.ts";
import type { VarintCodec } from "../../moq/wire/codec/varint.ts";
import { Writer } from "../../moq/wire/codec/writer.ts";
import { bytes, hex } from "./support/bytes.ts";

/** The first byte counts the bytes after it, which are the value: up to 9 bytes for 64 bits. */
const COUNTED: VarintCodec = {
  longest: 9,
  max: 2n ** 64n - 1n,
  size: (first) => 1 + first,
  read: (from, at) => Number(COUNTED.readBig(from, at)),
  readBig: (from, at) => BigInt(`0x0${hex(from.subarray(at + 1, at + 1 + (from[at] ?? 0)))}`),
  length: (value) => 1 + digitsOf(BigInt(value)).length / 2,
  write: (into, at, value) => COUNTED.writeBig(into, at, BigInt(value)),
  writeBig: (into, at, value) => {
    const body = bytes(digitsOf(value));
    into[at] = body.length;
    into.set(body, at + 1);
    return at + 1 + body.length;
  },
};

function digitsOf(value: bigint): string {
  const digits = value === 0n ? "" : value.toString(16);
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}

test("a writer writes the varints of its codec, the length of a message included", () => {
  const message = new Writer(COUNTED).varint(0).varint(300).string("ab").message(bytes("07"));
  assert.equal(hex(message), "07 01 08 00 02012c 01026162".replaceAll(" ", ""));
});

test("values of 64 bits are written and read where the codec has them", () => {
  const message = new Writer(COUNTED).varintBig(2n ** 64n - 1n).finish();
  assert.equal(hex(message), "08ffffffffffffffff");
  assert.equal(new Cursor(COUNTED, message, "TEST").varintBig(), 2n ** 64n - 1n);
  assert.throws(() => new Cursor(COUNTED, message, "TEST").varint(), ProtocolViolation);
  assert.throws(() => new Writer(COUNTED).varintBig(2n ** 64n), RangeError);
});

test("a cursor refuses a varint of its codec that is cut off", () => {
  const cursor = new Cursor(COUNTED, bytes("02 01"), "TEST");
  assert.throws(() => cursor.varint(), { message: "TEST: ends too early" });
});

test("an inbox returns a varint of its codec once all its bytes are here", () => {
  const inbox = new Inbox(COUNTED);
  for (const piece of ["02", "01"]) {
    inbox.push(bytes(piece));
    assert.equal(inbox.varint(), undefined);
    inbox.keep();
  }
  inbox.push(bytes("2c 00"));
  assert.equal(inbox.varint(), 300);
  assert.equal(inbox.varint(), 0);
  assert.equal(inbox.left, 0);
});
