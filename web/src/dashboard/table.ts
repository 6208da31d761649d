import { printable } from "../../../moq/printable.ts";
import type { Json, JsonObject } from "./api.ts";
import { label, shown } from "./format.ts";

/** A column: the field that it shows, and how. */
export interface Column {
  readonly field: string;
  readonly title?: string;
  /** Default: by the name of the field. */
  readonly show?: (value: Json | undefined, row: JsonObject) => string;
}

/** What a row can be asked to do. */
export interface RowAction {
  readonly name: string;
  /** Whether the row has it; default: every row. */
  readonly when?: (row: JsonObject) => boolean;
  readonly run: (row: JsonObject) => void;
}

export interface TableOptions {
  /** Default: the fields of the rows, in the order in which they come. */
  readonly columns?: readonly Column[] | undefined;
  readonly actions?: readonly RowAction[] | undefined;
  /** What an empty table says. */
  readonly empty: string;
}

/** A table of objects, made from text alone: nothing of the relay is read as markup. */
export function table(
  rows: readonly JsonObject[],
  { columns = columnsOf(rows), actions = [], empty }: TableOptions,
): HTMLElement {
  if (rows.length === 0) return text("p", empty, "quiet");
  const numeric = new Set(
    columns.filter(({ field }) => rows.some((row) => typeof row[field] === "number")).map(({ field }) => field),
  );
  const made = document.createElement("table");
  const head = made.createTHead().insertRow();
  for (const { field, title = label(field) } of columns) {
    const cell = text("th", title, numeric.has(field) ? "number" : "");
    cell.setAttribute("scope", "col");
    head.append(cell);
  }
  if (actions.length > 0) head.append(text("th", "", ""));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const { field, show } of columns) {
      const value = show === undefined ? shown(field, row[field]) : show(row[field], row);
      const kind = numeric.has(field) ? "number" : value.length > 40 ? "wide" : "";
      line.append(text("td", value, kind));
    }
    if (actions.length > 0) line.append(buttons(row, actions));
  }
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.append(made);
  return scroll;
}

function buttons(row: JsonObject, actions: readonly RowAction[]): HTMLElement {
  const cell = text("td", "", "actions");
  for (const { name, when, run } of actions) {
    if (when?.(row) === false) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = name;
    button.addEventListener("click", () => run(row));
    cell.append(button, " ");
  }
  return cell;
}

function columnsOf(rows: readonly JsonObject[]): Column[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))].map((field) => ({ field }));
}

/** An element with a text, whose hidden characters are escaped: peers choose names. */
export function text<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  content: string,
  className = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.textContent = printable(content);
  return made;
}

/** A card with a heading. */
export function card(title: string, ...content: Node[]): HTMLElement {
  const made = document.createElement("section");
  made.className = "card";
  made.append(text("h2", title), ...content);
  return made;
}

/** The fields of an object as names and values. */
export function figures(object: JsonObject): HTMLElement {
  const list = text("dl", "", "figures");
  for (const [name, value] of Object.entries(object)) {
    const row = document.createElement("div");
    row.append(text("dt", label(name)), text("dd", shown(name, value)));
    list.append(row);
  }
  return list;
}

/** A button beside others. */
export function button(name: string, run: () => void): HTMLElement {
  const made = text("button", name, "plain");
  made.type = "button";
  made.addEventListener("click", run);
  return made;
}
