/** A short run over every reader; `npm run fuzz` is the long one. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fuzz } from "./fuzz.ts";
import { TARGETS } from "./targets.ts";

const INPUTS = 2000;

describe("random and tampered input", () => {
  for (const target of TARGETS) {
    test(target.name, () => {
      for (const input of target.sound) target.run(input);
      const [summary] = fuzz([target], { inputs: INPUTS, seed: 20_261_121 });
      assert.ok(summary);
      assert.equal(summary.inputs, INPUTS);
      assert.ok(summary.taken > INPUTS / 20, `${summary.taken} were taken`);
      assert.ok(summary.refused > INPUTS / 20, `${summary.refused} were refused`);
    });
  }

  test("no two targets have the same name", () => {
    assert.equal(new Set(TARGETS.map(({ name }) => name)).size, TARGETS.length);
  });
});
