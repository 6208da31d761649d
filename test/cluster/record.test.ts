/** What is written into a registry that roots share reads the same, and what is not of them is refused. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ROLES } from "../../cluster/contract.ts";
import {
  decodeChange,
  decodeHolding,
  decodeInfo,
  encodeChange,
  encodeHolding,
  encodeInfo,
} from "../../cluster/registry/record.ts";

const NODE = "o1";
const PLAIN = { noNullPrototype: true } as const;
const id = fc.bigInt({ min: 0n, max: (1n << 62n) - 1n });
const path = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 });
const holding = fc.record(
  {
    path,
    node: fc.constant(NODE),
    epoch: fc.bigInt({ min: 1n, max: (1n << 62n) - 1n }),
    hops: fc.array(id, { maxLength: 64 }),
    cost: fc.maxSafeNat(),
    ended: fc.boolean(),
  },
  PLAIN,
);
const info = fc.record(
  {
    node: fc.constant(NODE),
    hop: id,
    role: fc.constantFrom(...ROLES),
    region: fc.string({ unit: "grapheme" }),
    url: fc.webUrl({ validSchemes: ["https"] }),
    publicUrl: fc.constantFrom("", "https://o1.example:443/base"),
    draining: fc.boolean(),
    startedAt: fc.maxSafeNat(),
  },
  PLAIN,
);

/** Values near to those that are written: the right shape, with anything in one place. */
const near = fc
  .tuple(fc.constantFrom(0, 1, 2, 3, 4), fc.anything({ withBigInt: false, withDate: true }), holding)
  .map(([at, value, one]) => {
    const fields: unknown[] = JSON.parse(encodeHolding(one));
    fields[at] = value;
    return JSON.stringify(fields) ?? "";
  });

describe("what roots write for each other", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(holding, info, fc.array(holding, { maxLength: 5 }), fc.array(path), (one, relay, more, released) => {
        assert.deepEqual(decodeHolding(NODE, one.path, encodeHolding(one)), one);
        assert.deepEqual(decodeInfo(NODE, encodeInfo(relay)), relay);
        const change = { info: relay, holdings: more, released };
        assert.deepEqual(decodeChange(encodeChange("w", change)), { writer: "w", change });
      }),
    );
  });

  it("is refused without an exception when it has another form", () => {
    fc.assert(
      fc.property(fc.oneof(near, fc.json(), fc.string(), fc.anything()), (text) => {
        const told = decodeHolding(NODE, "live/a", text);
        if (told !== undefined) assert.deepEqual(decodeHolding(NODE, "live/a", encodeHolding(told)), told);
        assert.equal(decodeInfo(NODE, text), undefined);
        if (typeof text === "string") assert.equal(decodeChange(text), undefined);
      }),
    );
  });

  it("is refused when it names another relay or is too long", () => {
    fc.assert(
      fc.property(info, holding, (relay, one) => {
        assert.equal(decodeInfo("o2", encodeInfo(relay)), undefined);
        assert.equal(decodeHolding(NODE, "x".repeat(1_025), encodeHolding(one)), undefined);
        const hops = Array.from({ length: 65 }, () => 1n);
        assert.equal(decodeHolding(NODE, one.path, encodeHolding({ ...one, hops })), undefined);
        assert.equal(decodeHolding(NODE, one.path, `${encodeHolding(one)}${" ".repeat(9_000)}`), undefined);
      }),
    );
  });
});
