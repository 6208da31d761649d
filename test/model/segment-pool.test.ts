import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SegmentPool, sizeFor } from "../../moq/model/segment-pool.ts";

test("a piece is at most an eighth larger than what was asked for, above the least size", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70_000 }), (bytes) => {
      const size = sizeFor(bytes);
      assert.ok(size >= bytes);
      assert.ok(size === 256 || size - bytes < bytes / 8, `${size} for ${bytes}`);
      assert.equal(sizeFor(size), size);
    }),
  );
});

test("a piece that was given back is used again, and one that was lent is not", () => {
  const pool = new SegmentPool();
  const [mine, lent] = [pool.take(1_000), pool.take(1_000)];
  pool.give([mine], false);
  pool.give([lent], true);
  assert.equal(pool.used, 0);
  assert.equal(pool.take(990), mine);
  assert.notEqual(pool.take(990), lent);
});

test("a pool keeps no more free than a share of what is in use, and little when nothing is", () => {
  const pool = new SegmentPool();
  const pieces = Array.from({ length: 1_000 }, () => pool.take(64 * 1024));
  pool.give(pieces.splice(0, 500), false);
  assert.ok(pool.bytes <= pool.used / 2 && pool.bytes > pool.used / 8, `${pool.bytes} of ${pool.used}`);
  pool.give(pieces, false);
  assert.equal(pool.used, 0);
  assert.ok(pool.bytes <= 2 * 1024 * 1024, `${pool.bytes} free bytes`);
});
