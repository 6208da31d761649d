/** Tables that fit a terminal. */
import stringWidth from "string-width";

/** Spaces between two columns. */
const GAP = 2;
/** Least characters that a shortened column keeps. */
const MIN_WIDTH = 8;
const CUT = "…";

/** A column with its cells, top to bottom. */
export interface CellColumn {
  readonly title: string;
  readonly cells: readonly string[];
  /** Numbers stand at the right. */
  readonly right: boolean;
  /** Numbers and times are never shortened, because a part of one misleads. */
  readonly whole: boolean;
}

export interface FittedTable {
  readonly lines: readonly string[];
  /** Columns for which there is no room. */
  readonly left: number;
}

/**
 * Lines of a table, its headings first. With `columns` characters per line, text is shortened until the columns of `main` fit; those of
 * `extra` are added where there is room for the whole of one. Without a bound everything is shown.
 */
export function fittedTable(
  main: readonly CellColumn[],
  extra: readonly CellColumn[],
  columns: number | undefined,
): FittedTable {
  if (columns === undefined) return { lines: lay([...main, ...extra].map(natural)), left: 0 };
  const shown = main.map(natural);
  while (total(shown) > columns && !shorten(shown, total(shown) - columns) && shown.length > 1) shown.pop();
  const dropped = main.length - shown.length;
  const added = dropped > 0 ? [] : extra.map(natural).filter((one) => fits(shown, one, columns));
  return { lines: lay(shown), left: dropped + extra.length - added.length };
}

interface Laid extends CellColumn {
  width: number;
}

function natural(column: CellColumn): Laid {
  const width = [column.title, ...column.cells].reduce((widest, text) => Math.max(widest, stringWidth(text)), 0);
  return { ...column, width };
}

function total(columns: readonly Laid[]): number {
  return columns.reduce((sum, { width }) => sum + width + GAP, -GAP);
}

/** Adds a column when there is room for it. */
function fits(shown: Laid[], one: Laid, columns: number): boolean {
  if (total(shown) + GAP + one.width > columns) return false;
  shown.push(one);
  return true;
}

/** Takes `excess` characters from the widest columns of text, one by one. False when the columns have fewer to give. */
function shorten(shown: readonly Laid[], excess: number): boolean {
  for (let taken = 0; taken < excess; taken++) {
    const [widest] = shown
      .filter(({ whole, title, width }) => !whole && width > Math.max(MIN_WIDTH, title.length))
      .toSorted((a, b) => b.width - a.width);
    if (widest === undefined) return false;
    widest.width -= 1;
  }
  return true;
}

function lay(columns: readonly Laid[]): string[] {
  const rows = columns[0]?.cells.length ?? 0;
  const line = (textOf: (column: Laid) => string) =>
    columns
      .map((column) => padded(cut(textOf(column), column.width), column))
      .join(" ".repeat(GAP))
      .trimEnd();
  return [
    line(({ title }) => title),
    ...Array.from({ length: rows }, (_, row) => line(({ cells }) => cells[row] ?? "")),
  ];
}

function padded(text: string, { width, right }: Laid): string {
  const space = " ".repeat(Math.max(0, width - stringWidth(text)));
  return right ? space + text : text + space;
}

const CHARACTERS = new Intl.Segmenter();

/** The text in at most `width` characters of the terminal; what is left out is shown by an ellipsis. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  let used = stringWidth(CUT);
  for (const { segment } of CHARACTERS.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    kept += segment;
  }
  return kept + CUT;
}
