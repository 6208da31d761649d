/** The relay that a track is taken from beside another one: it shares as little as possible with the way through that one. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Role } from "../../cluster/contract.ts";
import { waysBeside } from "../../cluster/routes/ways-beside.ts";

const way = (node: string, role: Role, usable = true) => ({ node, role, usable });
const R1 = way("r1", "regional");
const R2 = way("r2", "regional");
const O1 = way("o1", "origin");
const O2 = way("o2", "origin");

describe("the relay beside a regional", () => {
  it("is another regional", () => {
    assert.deepEqual(waysBeside([R1, R2, O1, O2], "r1"), ["r2", "o1", "o2"]);
  });

  it("is the next holder where there is no other regional, because the regional takes the best one", () => {
    assert.deepEqual(waysBeside([R1, O1, O2], "r1"), ["o2", "o1"]);
    assert.deepEqual(waysBeside([R1, O1], "r1"), ["o1"]);
  });

  it("is the best holder where the next one is down", () => {
    assert.deepEqual(waysBeside([R1, O1, way("o2", "origin", false)], "r1"), ["o1", "o2"]);
  });
});

describe("the relay beside an origin", () => {
  it("is the best of the others", () => {
    assert.deepEqual(waysBeside([O1, O2, R1], "o1"), ["o2", "r1"]);
    assert.deepEqual(waysBeside([O1], "o1"), []);
  });
});
