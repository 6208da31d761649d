import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CEILINGS, judge, linesOf, measure } from "../../scripts/sizes/judge.ts";

const ROOMS = ["relay", "moq", "cluster", "auth", "web"];
/** A file of 50 lines in each of five rooms. */
const SMALL = ROOMS.map((room) => ({ path: `${room}/small.ts`, lines: 50 }));
const filesOf = (lines: number, count: number) =>
  ROOMS.flatMap((room) => Array.from({ length: count }, (_, index) => ({ path: `${room}/${index}.ts`, lines })));

describe("sizes of files and rooms", () => {
  it("count lines that are not blank", () => assert.equal(linesOf("one\n\n  \ntwo\n"), 2));

  it("pass below all ceilings", () => assert.deepEqual(judge(SMALL), []));

  it("refuse a source file over its ceiling by name", () => {
    const [problem = "", ...others] = judge([...filesOf(100, 20), { path: "relay/large.ts", lines: 401 }]);
    assert.match(problem, /^relay\/large\.ts has 401 lines/);
    assert.deepEqual(others, []);
  });

  it("allow a test more lines than a source file, and not any number", () => {
    assert.deepEqual(judge([...SMALL, { path: "test/a.test.ts", lines: CEILINGS.testLines }]), []);
    assert.match(
      judge([...SMALL, { path: "test/a.test.ts", lines: CEILINGS.testLines + 1 }])[0] ?? "",
      /^test\/a\.test\.ts has/,
    );
  });

  it("refuse a median over its ceiling", () => {
    assert.deepEqual(judge(filesOf(101, 3)), ["the median of the files is 101 lines, over 100"]);
  });

  it("refuse a ninth decile over its ceiling", () => {
    assert.deepEqual(judge([...filesOf(50, 8), ...filesOf(251, 2)]), [
      "one file in ten has more than 251 lines, over 250",
    ]);
  });

  it("refuse a room that holds more than its part of all lines", () => {
    const [problem = ""] = judge([...SMALL, { path: "relay/more.ts", lines: 100 }]);
    assert.match(problem, /^relay\/ holds 42\.9 % of all lines, over 25 %$/);
  });

  it("leave tests out of the median and the rooms", () => {
    const tests = Array.from({ length: 50 }, (_, index) => ({ path: `test/${index}.test.ts`, lines: 500 }));
    assert.deepEqual(measure([...SMALL, ...tests]), measure(SMALL));
  });
});
