import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatBytes,
  formatDuration,
  parseBytes,
  parseDuration,
  parseFraction,
  parseWhole,
  UnitError,
} from "../../relay/config/units.ts";

test("durations of every unit are read as milliseconds", () => {
  const cases: [string, number][] = [
    ["0s", 0],
    ["500ms", 500],
    ["10s", 10_000],
    ["1.5h", 5_400_000],
    ["5m", 300_000],
    ["1d", 86_400_000],
    ["2 s", 2_000],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

test("a duration without a unit is refused", () => {
  assert.throws(() => parseDuration("10"), { name: "UnitError", message: /needs a unit, such as "10s"/ });
});

test("text that is not a duration is refused", () => {
  for (const text of ["", "s", "ten s", "-1s", "1 week", "1s2s", "1e3s", "9999999999999999d"]) {
    assert.throws(() => parseDuration(text), UnitError, text);
  }
});

test("sizes have units of 1000 and of 1024", () => {
  const cases: [string, number][] = [
    ["1500", 1_500],
    ["1B", 1],
    ["1kB", 1_000],
    ["1KiB", 1_024],
    ["1GB", 1_000_000_000],
    ["16MiB", 16_777_216],
    ["0.5 GiB", 536_870_912],
    ["1TiB", 1_099_511_627_776],
  ];
  for (const [text, bytes] of cases) assert.equal(parseBytes(text), bytes, text);
});

test("text that is not a size is refused", () => {
  for (const text of ["", "MiB", "1ZB", "-1kB", "1 2", "9999999TiB"]) {
    assert.throws(() => parseBytes(text), UnitError, text);
  }
});

test("a unit in the wrong case is refused with the right one", () => {
  const cases: [string, RegExp][] = [
    ["512Mb", /"Mb" is not a unit of bytes; did you mean "512MB"\?/],
    ["1tib", /did you mean "1TiB"\?/],
    ["64KIB", /did you mean "64KiB"\?/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseBytes(text), { name: "UnitError", message }, text);
});

test("spaces around a value are refused", () => {
  for (const text of ["512MB ", " 512MB", "512MB\n"]) assert.throws(() => parseBytes(text), /a space before or after/);
  for (const text of ["10s ", " 10s", "10 "]) assert.throws(() => parseDuration(text), /a space before or after/);
  assert.equal(parseWhole(" 443"), undefined);
});

test("shares are read as percent or as a fraction", () => {
  assert.equal(parseFraction("25%"), 0.25);
  assert.equal(parseFraction("0.25"), 0.25);
  assert.equal(parseFraction("100%"), 1);
  for (const text of ["101%", "1.1", "-1%", "half", "1s"]) assert.throws(() => parseFraction(text), UnitError, text);
});

test("written durations and sizes can be read again", () => {
  const whole = fc.integer({ min: 0, max: 2 ** 45 });
  fc.assert(
    fc.property(whole, (value) => {
      assert.equal(parseBytes(formatBytes(value)), value);
      assert.equal(parseDuration(formatDuration(value)), value);
    }),
  );
});

test("durations and sizes are written in the largest exact unit", () => {
  assert.equal(formatDuration(90_000), "90s");
  assert.equal(formatDuration(7_200_000), "2h");
  assert.equal(formatDuration(0), "0ms");
  assert.equal(formatBytes(16_777_216), "16MiB");
  assert.equal(formatBytes(1_000), "1000B");
});

test("a whole number has only decimal digits", () => {
  assert.equal(parseWhole("443"), 443);
  for (const text of ["", "-1", "1.5", "0x10", "1e3", "12345678901234567890"])
    assert.equal(parseWhole(text), undefined);
});
