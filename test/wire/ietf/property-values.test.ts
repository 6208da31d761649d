import assert from "node:assert/strict";
import { it } from "node:test";
import { someProperty } from "../../../moq/wire/ietf/index.ts";

function values(bytes: number[], type: number): number[] {
  const found: number[] = [];
  someProperty(Uint8Array.from(bytes), type, (value) => {
    found.push(value);
    return false;
  });
  return found;
}

it("finds every value of a property, also among immutable ones", () => {
  // 0x02: 5; 0x02: 300; IMMUTABLE PROPERTIES with 0x02: 7 and 0x04: 8; 0x0d: two bytes; 0x78: 9.
  const block = [0x02, 5, 0x00, 0x81, 0x2c, 0x09, 4, 0x02, 7, 0x02, 8, 0x02, 2, 0x02, 0x02, 0x6b, 9];
  assert.deepEqual(values(block, 0x02), [5, 300, 7]);
  assert.deepEqual(values(block, 0x04), [8]);
  assert.deepEqual(values(block, 0x78), [9]);
  assert.deepEqual(values(block, 0x06), []);
  assert.equal(
    someProperty(Uint8Array.from(block), 0x02, (value) => value === 300),
    true,
  );
});

it("finds nothing behind what is malformed", () => {
  assert.deepEqual(values([], 0x02), []);
  assert.deepEqual(values([0x02], 0x02), []);
  assert.deepEqual(values([0x02, 0x81], 0x02), []);
  // A value that is longer than the block; immutable properties that are; and some that are not properties.
  assert.deepEqual(values([0x01, 9, 0x01, 5], 0x02), []);
  assert.deepEqual(values([0x0b, 9, 0x02, 5], 0x02), []);
  assert.deepEqual(values([0x0b, 2, 0x02, 0x81, 0x05, 6], 0x10), [6]);
});
