import assert from "node:assert/strict";
import { test } from "node:test";
import { PathTree } from "../../moq/model/path-tree.ts";

/** More than a call takes arguments: a listing that spreads them ends in a RangeError. */
const MANY = 300_000;

test("lists a prefix with more children than a call takes arguments", () => {
  const tree = new PathTree<number>();
  for (let i = 0; i < MANY; i++) tree.set(`live/${i}`, i);
  let listed = 0;
  for (const _ of tree.under("live")) listed++;
  assert.equal(listed, MANY);
});

test("lists the first few of many paths without visiting the rest", () => {
  const tree = new PathTree<number>();
  for (let i = 0; i < MANY; i++) tree.set(`live/${i}`, i);
  const first = tree.under("live");
  assert.deepEqual([first.next().value, first.next().value], [0, 1]);
});

test("lists a path and all paths under it once, and no other", () => {
  const tree = new PathTree<string>();
  for (const path of ["", "a", "a/b", "a/b/c/d", "a/e", "ab", "b/a"]) tree.set(path, path);
  assert.deepEqual([...tree.under("a")], ["a", "a/b", "a/b/c/d", "a/e"]);
  assert.deepEqual([...tree.under("a/b/c")], ["a/b/c/d"]);
  assert.deepEqual([...tree.under("c")], []);
  assert.equal([...tree.under("")].length, tree.size);
});

test("a listing under way goes on when paths are added and removed", () => {
  const tree = new PathTree<string>();
  for (const path of ["a/1", "a/2/x", "a/3"]) tree.set(path, path);
  const listing = tree.under("a");
  assert.equal(listing.next().value, "a/1");
  tree.delete("a/2/x");
  tree.set("a/4", "a/4");
  assert.deepEqual([...listing], ["a/3", "a/4"]);
});
