import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isUnder, joinPath, normalisePath, pathParts, stripPrefix } from "../../moq/path.ts";

test("superfluous slashes are removed", () => {
  for (const raw of ["a/b", "/a/b", "a/b/", "//a///b//"]) assert.equal(normalisePath(raw), "a/b");
  for (const raw of ["", "/", "///"]) assert.equal(normalisePath(raw), "");
  assert.equal(normalisePath("a"), "a");
});

test("dots have no meaning", () => assert.equal(normalisePath("a/../b/."), "a/../b/."));

test("parts are counted", () => {
  assert.equal(pathParts(""), 0);
  assert.equal(pathParts("a"), 1);
  assert.equal(pathParts("a/b/c"), 3);
});

test("a prefix is stripped by whole segments only", () => {
  assert.equal(stripPrefix("live", "live/a"), "a");
  assert.equal(stripPrefix("live", "live"), "");
  assert.equal(stripPrefix("", "live/a"), "live/a");
  assert.equal(stripPrefix("", ""), "");
  assert.equal(stripPrefix("live", "lively"), undefined);
  assert.equal(stripPrefix("live/a", "live"), undefined);
});

test("a path is under a prefix by whole segments only", () => {
  assert.equal(isUnder("live/a", "live"), true);
  assert.equal(isUnder("live", "live"), true);
  assert.equal(isUnder("live", ""), true);
  assert.equal(isUnder("lively", "live"), false);
  assert.equal(isUnder("live", "live/a"), false);
});

test("an empty root or path adds nothing", () => {
  assert.equal(joinPath("", ""), "");
  assert.equal(joinPath("", "a"), "a");
  assert.equal(joinPath("a", ""), "a");
  assert.equal(joinPath("a", "b/c"), "a/b/c");
});

test("a joined prefix can be stripped again, and all spellings normalise to the same path", () => {
  const segment = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => !text.includes("/"));
  const path = fc.array(segment, { maxLength: 5 });
  fc.assert(
    fc.property(path, path, fc.integer({ min: 1, max: 3 }), (root, below, slashes) => {
      const [left, right] = [root.join("/"), below.join("/")];
      assert.equal(stripPrefix(left, joinPath(left, right)), right);
      assert.equal(pathParts(joinPath(left, right)), root.length + below.length);
      const messy = "/".repeat(slashes);
      assert.equal(normalisePath(messy + [...root, ...below].join(messy) + messy), joinPath(left, right));
    }),
  );
});
