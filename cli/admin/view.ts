/** What a command shows of an answer: facts line by line, and tables. */

import { type CellColumn, fittedTable } from "../table.ts";
import { at, isRecord, type Json, listAt } from "./api.ts";
import { ABSENT, formatted, many, titleOf, type Unit, unitOf } from "./units.ts";

/** A field of a row, or what is made from a row. */
export interface ColumnSpec {
  /** Dotted path in the row. */
  readonly field: string;
  readonly title?: string;
  readonly unit?: Unit;
  /** Makes the value from the row, in place of `field`. */
  readonly of?: (row: Json) => Json;
  /** A total that only rises: `--watch` shows how fast. */
  readonly rate?: true;
}
export type Column = string | ColumnSpec;

export interface TableSpec {
  /** Dotted path of the list; `items` when it is absent. */
  readonly rows?: string;
  /** A heading; a command with one table needs none. */
  readonly title?: string;
  /** The first one names the row. */
  readonly columns: readonly Column[];
  /** Shown where there is room, the most useful first. */
  readonly extra?: readonly Column[];
  /** Said when there are no rows; without it an empty table is left out. */
  readonly empty?: string;
}

/** Reads an answer for a fact. */
export interface Reader {
  /** The value at a dotted path. */
  value(path: string): Json;
  /** The value as text, in the unit that its name says or in `unit`. */
  text(path: string, unit?: Unit): string;
  /** A number with its noun, such as `3 groups`. */
  many(path: string, noun: string): string;
  /** The value as text for a total of bytes that only rises, with its rate in brackets when there are two looks. */
  total(path: string): string;
}

/** A field, or a label and what makes its text; undefined leaves it out. */
export type Fact = string | readonly [label: string, text: (read: Reader) => string | undefined];

export interface View {
  readonly facts?: readonly Fact[];
  readonly tables?: readonly TableSpec[];
}

/** One answer, and the one before it with `--watch`. */
export interface Look {
  readonly body: Json;
  /** The relay's clock in milliseconds since 1970. */
  readonly now: number;
  readonly watched: boolean;
  readonly before?: { readonly body: Json; readonly seconds: number };
}

export interface Layout {
  /** Characters per line; undefined: everything is shown. */
  readonly columns: number | undefined;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

/** The lines of a view; without one, every member of the answer is shown. */
export function viewLines(view: View | undefined, look: Look, layout: Layout): string[] {
  const { facts = [], tables = [] } = view ?? everything(look.body);
  const parts = [factLines(facts, look, layout), ...tables.map((table) => tableLines(table, look, layout))];
  return parts.filter((lines) => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

function factLines(facts: readonly Fact[], look: Look, { bold }: Layout): string[] {
  const read = reader(look);
  const known = facts.flatMap((fact): (readonly [string, string])[] => {
    if (typeof fact === "string") return read.value(fact) === undefined ? [] : [[labelOf(fact), read.text(fact)]];
    const text = fact[1](read);
    return text === undefined ? [] : [[fact[0], text]];
  });
  const width = known.reduce((widest, [label]) => Math.max(widest, label.length), 0);
  return known.map(([label, text]) => `${bold(label.padEnd(width))}  ${text}`);
}

function labelOf(field: string): string {
  const words = titleOf(field).toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function reader({ body, now, before }: Look): Reader {
  const value = (path: string) => at(body, path);
  const text = (path: string, unit = unitOf(path, value(path))) => formatted(value(path), unit, now);
  return {
    value,
    text,
    many: (path, noun) => many(value(path), noun),
    total: (path) => {
      const rate = before && rateOf(value(path), at(before.body, path), before.seconds);
      return rate === undefined ? text(path) : `${text(path)} (${formatted(rate, "bits", now)})`;
    },
  };
}

/** Bits a second between two totals of bytes. */
function rateOf(value: Json, earlier: Json, seconds: number): number | undefined {
  if (typeof value !== "number" || typeof earlier !== "number" || seconds <= 0) return undefined;
  return Math.max(0, ((value - earlier) * 8) / seconds);
}

function tableLines(table: TableSpec, look: Look, { columns, bold, dim }: Layout): string[] {
  const rows = listAt(look.body, table.rows ?? "items");
  const heading = table.title === undefined ? [] : [bold(table.title)];
  if (rows.length === 0) return table.empty === undefined ? [] : [...heading, table.empty];
  const { main, extra } = columnsOf(table, look);
  const { lines, left } = fittedTable(cells(main, rows, look), cells(extra, rows, look), columns);
  const [first = "", ...others] = lines;
  const hidden = left === 0 ? [] : [dim(`${left} more ${left === 1 ? "column" : "columns"} with --wide`)];
  return [...heading, bold(first), ...others, ...pageLine(look.body, rows.length), ...hidden];
}

/** Says that the list has more pages. */
function pageLine(body: Json, shown: number): string[] {
  const total = at(body, "total");
  return typeof total === "number" && total > shown
    ? [`${shown} of ${total.toLocaleString("en-US")}: see --limit and --offset`]
    : [];
}

function columnsOf({ columns, extra = [], rows = "items" }: TableSpec, { watched, before }: Look) {
  const main = columns.map(specOf);
  const rest = extra.map(specOf);
  if (!watched) return { main, extra: rest };
  const earlier: Earlier = { rows: listAt(before?.body, rows), seconds: before?.seconds ?? 0 };
  // The rates take the place of their totals.
  return {
    main: main.map((one) => (one.rate ? rateColumn(one, main[0] ?? one, earlier) : one)),
    extra: [...rest, ...main.filter(({ rate }) => rate)],
  };
}

function specOf(column: Column): ColumnSpec {
  return typeof column === "string" ? { field: column } : column;
}

function valueIn(row: Json, { field, of }: ColumnSpec): Json {
  return of === undefined ? at(row, field) : of(row);
}

/** The rows of the look before, and the seconds since. */
interface Earlier {
  readonly rows: readonly Json[];
  readonly seconds: number;
}

/** How fast `total` rises in the row that `name` names. */
function rateColumn(total: ColumnSpec, name: ColumnSpec, { rows, seconds }: Earlier): ColumnSpec {
  const before = new Map(rows.map((row) => [valueIn(row, name), row]));
  const title = (total.title ?? titleOf(total.field)).replace(/^BYTES /, "");
  const of = (row: Json) => rateOf(valueIn(row, total), valueIn(before.get(valueIn(row, name)), total), seconds);
  return { field: total.field, title, unit: "bits", of };
}

/** Columns without a value in any row are left out, but for the first one and for rates. */
function cells(columns: readonly ColumnSpec[], rows: readonly Json[], { now }: Look): CellColumn[] {
  return columns.flatMap((column, index) => {
    const values = rows.map((row) => valueIn(row, column));
    const sample = values.find((value) => value !== undefined);
    const unit = column.unit ?? unitOf(column.field, sample);
    const texts = values.map((value) => formatted(value, unit, now));
    if (index > 0 && unit !== "bits" && texts.every((text) => text === ABSENT)) return [];
    const right = typeof sample === "number" || unit === "bits";
    return [
      {
        title: column.title ?? titleOf(column.field),
        cells: texts,
        right,
        whole: right || unit === "when" || unit === "date",
      },
    ];
  });
}

/** A view of every member: values as facts, lists of objects as tables. */
function everything(body: Json): View {
  const facts: string[] = [];
  const tables: TableSpec[] = [];
  const add = (path: string, value: Json) => {
    if (isRecord(value))
      for (const [name, inner] of Object.entries(value)) add(path === "" ? name : `${path}.${name}`, inner);
    else if (!Array.isArray(value) || !value.some(isRecord)) facts.push(path);
    else tables.push(listOfAll(path, value));
  };
  add("", body);
  const only = tables.length === 1 && facts.every((fact) => fact === "total");
  return only ? { tables: tables.map(({ title: _, ...rest }) => rest) } : { facts, tables };
}

function listOfAll(path: string, rows: readonly Json[]): TableSpec {
  const columns = new Set(rows.flatMap((row) => (isRecord(row) ? Object.keys(row) : [])));
  return { rows: path, title: labelOf(path), columns: [...columns] };
}
