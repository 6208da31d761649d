/** What `npm run interop` concludes from what it sees; the peers themselves are not installed here. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type InteropResults, interopPage } from "../../scripts/docs/interop.ts";
import { difference, wholeGroups } from "./live/compare.ts";
import type { SeenObject } from "./live/contract.ts";
import { Fragments } from "./live/media.ts";
import { readTap } from "./live/tap.ts";

function group(number: number, ...payloads: string[]): SeenObject[] {
  return payloads.map((sha256, object) => ({
    group: number,
    subgroup: 0,
    object,
    size: sha256.length,
    sha256,
    properties: "{}",
  }));
}

const sent = [...group(0, "a", "b"), ...group(1, "c", "d"), ...group(2, "e", "f"), ...group(3, "g", "h")];

describe("what a viewer got", () => {
  test("is right when three groups are whole, in any order, and the last one is not whole yet", () => {
    const seen = [...group(2, "e", "f"), ...group(1, "c", "d"), ...group(0, "a", "b"), ...group(3, "g")];
    assert.equal(wholeGroups(sent, seen), 3);
    assert.equal(difference(sent, seen, "objects"), undefined);
  });

  test("is wrong when too few groups are whole", () => {
    const seen = [...group(0, "a"), ...group(1, "c", "d"), ...group(2, "e", "f")];
    assert.equal(difference(sent, seen, "payloads"), "2 of 3 groups arrived whole, 5 objects in all");
  });

  test("is wrong when an object has other bytes, is there twice, or belongs to no group", () => {
    assert.match(difference(sent, group(0, "a", "x"), "payloads") ?? "", /^group 0: 1 x arrived, which was not sent/);
    assert.equal(difference(sent, group(0, "a", "b", "b"), "payloads"), "group 0 has 3 objects of 2");
    assert.equal(difference(sent, group(9, "a"), "payloads"), "group 9 arrived, which was not sent");
  });

  test("is wrong between moq-transport ends when a subgroup or the properties differ", () => {
    const moved = sent.map((object) => ({ ...object, subgroup: 1 }));
    assert.equal(difference(sent, moved, "payloads"), undefined);
    assert.match(difference(sent, moved, "objects") ?? "", /^group 0: 1\/0 1 a {} arrived.*\(0\/0 1 a {}\)$/);
    const bare = sent.map((object) => ({ ...object, properties: "" }));
    assert.match(difference(sent, bare, "objects") ?? "", /^group 0/);
  });
});

test("results in TAP have the message of each failure, and skipped tests do not count", () => {
  const text = `TAP version 14
1..3
ok 1 - setup-only
  ---
  message: "fine"
  ...
not ok 2 - publish-track-only
  ---
  duration_ms: 9
  message: "PUBLISH was rejected: closed, code=3"
  ...
ok 3 - goaway # SKIP not spoken
not ok 4 late
`;
  assert.deepEqual(readTap("suite", text), [
    { check: "suite: setup-only" },
    { check: "suite: publish-track-only", failure: "PUBLISH was rejected: closed, code=3" },
    { check: "suite: late", failure: "failed without a message" },
  ]);
});

test("fragments of MP4 and what comes before them are found in pieces of any size", () => {
  const box = (type: string, body: string) => {
    const bytes = Buffer.from(`....${type}${body}`);
    bytes.writeUInt32BE(bytes.length, 0);
    return bytes;
  };
  const stream = Buffer.concat(
    ["ftyp", "moov", "moof", "mdat", "moof", "mdat"].map((type, index) => box(type, "x".repeat(index))),
  );
  for (const piece of [1, 7, stream.length]) {
    const sizes: number[] = [];
    const fragments = new Fragments({
      init: ({ length }) => sizes.push(length),
      fragment: ({ length }) => sizes.push(length),
    });
    for (let at = 0; at < stream.length; at += piece) fragments.push(stream.subarray(at, at + piece));
    assert.deepEqual(sizes, [8 + 9, 10 + 11, 12 + 13]);
  }
});

test("the page tells a failure of ours from one of the peer", () => {
  const fault = { clause: "draft 18, 9.1", text: "It refuses." };
  const cell = (protocol: string, ...checks: InteropResults["cells"][number]["checks"]) => ({
    peer: "x",
    protocol,
    checks,
  });
  const results: InteropResults = {
    day: "2026-11-29",
    protocols: ["a", "b", "c", "d", "e"],
    peers: [{ name: "x", registry: "npm", version: "1", protocols: ["a", "b", "c", "d"] }],
    cells: [
      cell("a", { check: "one" }),
      cell("b", { check: "one" }, { check: "two", failure: "lost" }),
      cell("c", { check: "two", failure: "lost", fault }),
    ],
  };
  const page = interopPage(results);
  for (const row of ["`a` | pass 1/1", "`b` | fail 1/2", "`c` | **peer** 0/1", "`d` | not run", "`e` | –"])
    assert.ok(page.includes(`| ${row} |`), row);
  assert.ok(page.includes("- two: lost. **The peer**: It refuses. (draft 18, 9.1)"));
});
