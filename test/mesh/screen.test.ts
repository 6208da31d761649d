import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keyAction, keysOf } from "../../lab/screen/keys.ts";
import { type Picture, render } from "../../lab/screen/render.ts";
import type { Row } from "../../lab/screen/view.ts";

const row = (name: string, fields: Partial<Row> = {}): Row => ({
  name,
  state: "up",
  from: [],
  sessions: 0,
  tracks: 0,
  subscriptions: 0,
  bytesIn: 0,
  bytesOut: 0,
  failovers: 0,
  ...fields,
});

const picture: Picture = {
  title: "moqmesh  live/clock",
  rows: [
    row("root-1"),
    row("regional-1", { state: "down" }),
    row("edge-1", {
      from: ["regional-2"],
      subscriptions: 5,
      bytesIn: 36_000,
      bytesOut: 180_000,
      watching: { viewers: 5, gapMs: 612.4 },
    }),
  ],
  selected: 1,
  events: Array.from({ length: 50 }, (_, index) => `0:${index}  event ${index}`),
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
const plain = (line: string) => line.replace(/\u001b\[[\d;]*m/g, "");

describe("the table of a mesh", () => {
  for (const size of [
    { columns: 80, rows: 24 },
    { columns: 140, rows: 40 },
    { columns: 40, rows: 7 },
  ]) {
    it(`fits into ${size.columns} by ${size.rows}`, () => {
      for (const colours of [true, false]) {
        const lines = render(picture, size, colours).map(plain);
        assert.equal(lines.length, size.rows);
        for (const line of lines) assert.ok(line.length <= size.columns, `${line.length}: ${line}`);
      }
    });
  }

  it("shows the upstreams of each relay", () => {
    const lines = render(picture, { columns: 80, rows: 24 }, false);
    const edge = lines.find((line) => line.includes("edge-1"));
    assert.match(edge ?? "", /3 edge-1 +up +regional-2 +5 +36\.0 +180\.0 +5 +612$/);
    assert.match(lines.join("\n"), /regional-1 down/);
  });

  it("marks the relay that keys act on", () => {
    const lines = render(picture, { columns: 80, rows: 24 }, true);
    assert.deepEqual(
      lines.filter((line) => line.includes("\u001b[7m")).map((line) => plain(line).trim().slice(0, 12)),
      ["2 regional-1"],
    );
  });

  it("shows the newest events in the remaining lines, and the keys in the last", () => {
    const lines = render(picture, { columns: 80, rows: 12 }, false);
    assert.deepEqual(lines.slice(-5, -1), ["0:46  event 46", "0:47  event 47", "0:48  event 48", "0:49  event 49"]);
    assert.match(lines.at(-1) ?? "", /k kill/);
  });
});

describe("keys", () => {
  it("are understood, and no others", () => {
    assert.deepEqual(keyAction("k"), { kind: "kill" });
    assert.deepEqual(keyAction("3"), { kind: "pick", index: 2 });
    assert.deepEqual(keyAction("\u001b[B"), { kind: "select", by: 1 });
    assert.deepEqual(keyAction("\u0003"), { kind: "quit" });
    assert.deepEqual(keysOf("\u001b[B\u001bOAkq"), ["\u001b[B", "\u001bOA", "k", "q"]);
    for (const typed of ["x", "0", "kk", ""]) assert.equal(keyAction(typed), undefined);
  });
});
