import { KEY_LINE } from "./keys.ts";
import type { Row } from "./view.ts";

/** The content of the screen. */
export interface Picture {
  readonly title: string;
  readonly rows: readonly Row[];
  /** Number of the selected row. */
  readonly selected: number;
  /** Newest last. */
  readonly events: readonly string[];
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

interface Column {
  readonly head: string;
  readonly width: number;
  readonly left?: boolean;
  /** Hidden on a screen narrower than this. */
  readonly from?: number;
  /** Hidden on a screen at least this wide. */
  readonly below?: number;
  readonly cell: (row: Row, index: number) => string;
}

const COLUMNS: readonly Column[] = [
  { head: "", width: 1, cell: (_, index) => (index < 9 ? String(index + 1) : "") },
  { head: "relay", width: 10, left: true, cell: ({ name }) => name },
  { head: "state", width: 8, left: true, cell: ({ state }) => state },
  { head: "pulls from", width: 10, left: true, below: 100, cell: ({ from }) => from.join(" ") },
  { head: "pulls from", width: 24, left: true, from: 100, cell: ({ from }) => from.join(" ") },
  { head: "sess", width: 4, cell: ({ sessions }) => count(sessions) },
  { head: "tracks", width: 6, from: 100, cell: ({ tracks }) => count(tracks) },
  { head: "subs", width: 4, cell: ({ subscriptions }) => count(subscriptions) },
  { head: "in kB/s", width: 7, cell: ({ bytesIn }) => kilo(bytesIn) },
  { head: "out kB/s", width: 8, cell: ({ bytesOut }) => kilo(bytesOut) },
  { head: "moves", width: 5, from: 100, cell: ({ failovers }) => count(failovers) },
  { head: "view", width: 4, cell: ({ watching }) => (watching === undefined ? "" : String(watching.viewers)) },
  {
    head: "gap ms",
    width: 6,
    cell: ({ watching }) => (watching === undefined || watching.viewers === 0 ? "" : watching.gapMs.toFixed(0)),
  },
];

const BOLD = "\u001b[1m";
const DIM = "\u001b[2m";
const REVERSE = "\u001b[7m";
const RED = "\u001b[31m";
const YELLOW = "\u001b[33m";
const GREEN = "\u001b[32m";
const PLAIN = "\u001b[0m";

const STATE_COLOURS: Readonly<Record<Row["state"], string>> = {
  up: GREEN,
  starting: YELLOW,
  draining: YELLOW,
  frozen: YELLOW,
  down: RED,
};

/** Lines that are not rows: title, blank, head, blank, keys. */
const OTHER_LINES = 5;

/** The lines of the screen, cut to its width and height. */
export function render({ title, rows, selected, events }: Picture, size: Size, colours: boolean): string[] {
  const paint = (colour: string, text: string) => (colours ? `${colour}${text}${PLAIN}` : text);
  const columns = COLUMNS.filter(
    ({ from = 0, below = Number.POSITIVE_INFINITY }) => size.columns >= from && size.columns < below,
  );
  const room = Math.max(0, size.rows - OTHER_LINES);
  const shown = rows.slice(0, room);
  const left = Math.max(0, room - shown.length);
  const line = (cells: readonly string[]) => cells.join(" ").slice(0, size.columns).trimEnd();
  const body = shown.map((row, index) => {
    const cells = columns.map((column) => fit(column, column.cell(row, index)));
    if (index === selected) return paint(REVERSE, cells.join(" ").padEnd(widthOf(columns)).slice(0, size.columns));
    const text = line(cells);
    const state = columns.findIndex(({ head }) => head === "state");
    const before = cells.slice(0, state).join(" ").length + 1;
    const width = columns[state]?.width ?? 0;
    const coloured = paint(STATE_COLOURS[row.state], text.slice(before, before + width));
    return `${text.slice(0, before)}${coloured}${text.slice(before + width)}`;
  });
  const latest = left === 0 ? [] : events.slice(-left);
  return [
    paint(BOLD, title.slice(0, size.columns)),
    "",
    paint(DIM, line(columns.map((column) => fit(column, column.head)))),
    ...body,
    "",
    ...latest.map((event) => event.slice(0, size.columns)),
    ...Array.from({ length: left - latest.length }, () => ""),
    paint(DIM, KEY_LINE.slice(0, size.columns)),
  ];
}

function widthOf(columns: readonly Column[]): number {
  return columns.reduce((sum, { width }) => sum + width + 1, -1);
}

function fit({ width, left }: Column, text: string): string {
  const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
  return left === true ? cut.padEnd(width) : cut.padStart(width);
}

function count(value: number): string {
  return value === 0 ? "" : String(value);
}

function kilo(bytes: number): string {
  return bytes === 0 ? "" : (bytes / 1_000).toFixed(1);
}
