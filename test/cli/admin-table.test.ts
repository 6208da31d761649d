/** How values and tables of `moqmesh admin` look. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatted, type Unit, unitOf } from "../../cli/admin/units.ts";
import { type Look, type View, viewLines } from "../../cli/admin/view.ts";
import { cut, fittedTable } from "../../cli/table.ts";
import { printable, printableJson } from "../../moq/printable.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");
const plain = (text: string) => text;

function lines(view: View | undefined, body: unknown, columns?: number, more: Partial<Look> = {}): string[] {
  return viewLines(view, { body, now: NOW, watched: false, ...more }, { columns, bold: plain, dim: plain });
}

describe("a value", () => {
  it("has the unit that the name of its field says", () => {
    const named: [string, unknown, Unit][] = [
      ["traffic.bytes_in", 1, "bytes"],
      ["memory_bytes", 1, "bytes"],
      ["rate_out", 1, "bits"],
      ["send_rate", 1, "bits"],
      ["rtt_ms", 1, "milliseconds"],
      ["age_seconds", 1, "seconds"],
      ["hit_ratio", 1, "share"],
      ["expires_at", "", "when"],
      ["since", "", "when"],
      ["alive", true, "yes"],
      ["viewers", 1, "count"],
      ["path", "", "text"],
    ];
    for (const [name, value, unit] of named) assert.equal(unitOf(name, value), unit, name);
  });

  it("is written for people", () => {
    const written: [unknown, Unit, string][] = [
      [0, "bytes", "0 B"],
      [999, "bytes", "999 B"],
      [999_600, "bytes", "1 MB"],
      [1_234_567, "bits", "1.23 Mbit/s"],
      [87.66, "milliseconds", "87.7 ms"],
      [61_000, "milliseconds", "1m 1s"],
      [3_600, "seconds", "1h"],
      [59.7, "seconds", "1m"],
      [277_200, "seconds", "3d 5h"],
      [0.256, "share", "25.6 %"],
      [1_234_567, "count", "1,234,567"],
      [1_234_567, "number", "1234567"],
      ["2026-11-29T11:58:00Z", "when", "2m ago"],
      ["2026-12-01T12:00:00Z", "when", "in 2d"],
      ["2026-11-29T12:00:00.4Z", "when", "now"],
      ["2026-11-29T11:58:00Z", "date", "2026-11-29 11:58:00"],
      ["none", "when", "none"],
      [undefined, "text", "-"],
      ["", "text", "-"],
      [[], "text", "-"],
      [["a", "b"], "text", "a, b"],
      [false, "yes", "no"],
    ];
    for (const [value, unit, text] of written) assert.equal(formatted(value, unit, NOW), text);
  });

  it("of a peer cannot move the cursor, hide, or turn the direction of text", () => {
    const lone = String.fromCharCode(0xd800);
    const hostile = `a\u001b[2Jb\u009b\u202ec\r\n\u200bd\u2028${lone}\u{e0041}`;
    const text = printable(hostile);
    assert.equal(text, "a\\u{1b}[2Jb\\u{9b}\\u{202e}c\\u{d}\\u{a}\\u{200b}d\\u{2028}\\u{d800}\\u{e0041}");
    const json = printableJson({ hostile }, 2);
    assert.match(json, /^[\n\u0020-\u007e]+$/);
    assert.deepEqual(JSON.parse(json), { hostile });
    assert.equal(printable("live/会議室 é"), "live/会議室 é");
  });
});

describe("a table", () => {
  const path = { title: "PATH", cells: ["live/a-long-name/camera", "x"], right: false, whole: false };
  const bytes = { title: "BYTES", cells: ["1 kB", "23.4 MB"], right: true, whole: true };
  const extra = { title: "EXTRA", cells: ["1", "2"], right: true, whole: true };

  it("has everything where the width has no bound", () => {
    assert.deepEqual(fittedTable([path, bytes], [extra], undefined), {
      lines: [
        "PATH                       BYTES  EXTRA",
        "live/a-long-name/camera     1 kB      1",
        "x                        23.4 MB      2",
      ],
      left: 0,
    });
  });

  it("adds further columns only where there is room", () => {
    assert.equal(fittedTable([path, bytes], [extra], 39).left, 0);
    assert.equal(fittedTable([path, bytes], [extra], 38).left, 1);
  });

  it("shortens text before it leaves out columns, and numbers never", () => {
    const { lines, left } = fittedTable([path, bytes], [], 20);
    assert.deepEqual(lines, ["PATH           BYTES", "live/a-lon…     1 kB", "x            23.4 MB"]);
    assert.equal(left, 0);
    const whole = fittedTable([{ ...path, whole: true }, bytes], [], 20);
    assert.equal(whole.lines[1], "live/a-long-name/camera");
    assert.deepEqual(fittedTable([path, bytes], [], 12), { lines: ["PATH", "live/a-…", "x"], left: 1 });
  });

  it("counts the columns of wide characters and of combined ones", () => {
    assert.equal(cut("会議室カメラ", 7), "会議室…");
    const wide = { title: "PATH", cells: ["会議室", "e\u0301"], right: false, whole: false };
    assert.deepEqual(fittedTable([wide, extra], [], undefined).lines, [
      "PATH    EXTRA",
      "会議室      1",
      "e\u0301           2",
    ]);
  });
});

describe("a view", () => {
  it("shows every member of an answer when a command has none", () => {
    const body = { id: "s-1", rate_in: 2_000, inner: { yes: true }, tags: ["a"], list: [{ name: "n", bytes: 5 }] };
    assert.deepEqual(lines(undefined, body), [
      "Id       s-1",
      "Rate in  2 kbit/s",
      "Yes      yes",
      "Tags     a",
      "",
      "List",
      "NAME  BYTES",
      "n       5 B",
    ]);
    assert.deepEqual(lines(undefined, { total: 1, items: [{ name: "n" }] }), ["NAME", "n"]);
  });

  it("says that there are more pages, and more columns", () => {
    const view = { tables: [{ columns: ["name"], extra: ["note"], empty: "nothing" }] };
    const body = { total: 1_200, items: [{ name: "n", note: "a note that is too long" }] };
    assert.deepEqual(lines(view, body, 20), [
      "NAME",
      "n",
      "1 of 1,200: see --limit and --offset",
      "1 more column with --wide",
    ]);
    assert.deepEqual(lines(view, { total: 0, items: [] }), ["nothing"]);
  });

  it("shows how fast a total rises between two looks, by the name of the row", () => {
    const view = { tables: [{ columns: ["name", { field: "bytes_in", rate: true } as const] }] };
    const body = {
      items: [
        { name: "b", bytes_in: 500 },
        { name: "a", bytes_in: 3_000 },
      ],
    };
    const before = { body: { items: [{ name: "a", bytes_in: 1_000 }] }, seconds: 2 };
    assert.deepEqual(lines(view, body, undefined, { watched: true, before }), [
      "NAME        IN  BYTES IN",
      "b            -     500 B",
      "a     8 kbit/s      3 kB",
    ]);
  });
});
