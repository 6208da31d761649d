/** Announcements of 07 that repeat a part of another one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_WIRE_LIMITS } from "../../moq/wire/codec/limits.ts";
import { bytes, capsOf } from "./support/bytes.ts";
import { readAll } from "./support/read.ts";

const OK = "02 07 00";
/** Id 0: "a/b", hops 1 and 2, costs 3 and 4. */
const FIRST = "00 0d 00 00 03 612f62 00 02 01 02 00 03 04";

function read(hex: string): unknown[] {
  return readAll("announce", capsOf("moq-lite-07-wip"), bytes(`${OK} ${hex}`)).slice(1);
}

const fields = { epoch: 0n, ended: false, cost: 3, coldCost: 4 };

test("a start repeats the beginning of a path and the end of a hop list", () => {
  const start = { kind: "start", suffix: "a/c", hops: [9n, 2n], ...fields };
  assert.deepEqual(read(`${FIRST} 00 0a 01 01 01 63 01 01 09 01 03 04`)[1], start);
});

test("a start that keeps a whole path and no more is that path", () => {
  assert.deepEqual(read(`${FIRST} 00 08 01 01 00 00 00 00 03 04`)[1], {
    kind: "start",
    suffix: "a",
    hops: [],
    ...fields,
  });
});

test("an update repeats the hops that it replaces, and later ones repeat the new list", () => {
  const messages = read(`${FIRST} 02 07 00 01 01 09 02 03 04 02 06 00 01 00 03 03 04`);
  assert.deepEqual(messages.slice(1), [
    { kind: "update", id: 0, hops: [9n, 1n, 2n], ...fields },
    { kind: "update", id: 0, hops: [9n, 1n, 2n], ...fields },
  ]);
});

test("what refers to nothing, keeps more than there is, or repeats a hop is a violation", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["00 09 00 01 01 61 00 00 00 03 04", /part of no announcement/],
    ["00 09 01 00 01 61 00 00 00 03 04", /not live/],
    [`${FIRST} 00 09 02 00 01 61 00 00 00 03 04`, /not live/],
    [`${FIRST} 01 01 00 00 09 01 00 01 61 00 00 00 03 04`, /not live/],
    [`${FIRST} 00 09 01 03 01 61 00 00 00 03 04`, /more parts/],
    [`${FIRST} 00 09 00 00 01 63 01 00 03 03 04`, /more hops/],
    [`${FIRST} 00 0a 00 00 01 63 01 01 02 02 03 04`, /same hop twice/],
  ];
  for (const [hex, message] of cases) assert.throws(() => read(hex), message, hex);
});

test("a path that grows over its bound is refused alone, and takes its id", () => {
  // 520 bytes; twice as many are over the bound.
  const half = DEFAULT_WIRE_LIMITS.pathBytes / 2 + 8;
  const path = `82${(half - 512).toString(16).padStart(2, "0")} ${"61".repeat(half)}`;
  const body = (base: string) =>
    `00 82${(half - 512 + 9).toString(16).padStart(2, "0")} ${base} ${path} 00 00 00 03 04`;
  const messages = read(
    `${body("00 00")} ${body("01 01")} 02 07 00 02 01 09 00 03 04 00 09 02 01 01 63 00 00 00 03 04`,
  ) as { kind: string }[];
  assert.deepEqual(
    messages.map(({ kind }) => kind),
    ["start", "oversized", "update", "start"],
  );
});
