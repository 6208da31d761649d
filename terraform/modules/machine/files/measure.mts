/**
 * Reads the metrics of the relay (standard input, the text form of Prometheus) and prints the measures of a file, one a line: NAME UNIT VALUE.
 * Rates need the reading before: STATE keeps it. usage: node measure.mts MEASURES.json STATE.json < metrics
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** What to take of a metric: see terraform/modules/alarms. */
interface Expression {
  readonly of: "max" | "min" | "sum";
  readonly kind: "gauge" | "increase" | "p99" | "rate";
  /** Its name; several, of which the series are joined, with `|` between them. */
  readonly metric: string;
  /** Labels whose values a regular expression must match, or must not. */
  readonly where: Readonly<Record<string, string>>;
  readonly unless: Readonly<Record<string, string>>;
}

interface Measure {
  readonly unit: string;
  readonly value: Expression;
  readonly over: Expression | null;
}

type Labels = Readonly<Record<string, string>>;

/** The series of a metric, by their labels as text. */
type Series = ReadonlyMap<string, { readonly labels: Labels; readonly value: number }>;

/** A reading: milliseconds since 1970, 0 if there is none, and the value of each series. */
interface Reading {
  readonly at: number;
  readonly series: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const [, , measuresFile = "", stateFile = ""] = process.argv;

function read(text: string, wanted: ReadonlySet<string>): ReadonlyMap<string, Series> {
  const found = new Map<string, Map<string, { labels: Labels; value: number }>>();
  for (const line of text.split("\n")) {
    const [, name = "", labels = "", value = ""] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (!wanted.has(name)) continue;
    const series = found.get(name) ?? new Map<string, { labels: Labels; value: number }>();
    series.set(labels, { labels: labelsOf(labels), value: Number(value) });
    found.set(name, series);
  }
  return found;
}

function labelsOf(text: string): Labels {
  return Object.fromEntries(
    [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

function isChosen(labels: Labels, { where, unless }: Expression): boolean {
  const matches = ([name, pattern]: [string, string]): boolean =>
    new RegExp(`^(?:${pattern})$`).test(labels[name] ?? "");
  return Object.entries(where).every(matches) && !Object.entries(unless).some(matches);
}

/** What a counter grew by since the reading before; after a restart of the relay, from 0. */
function growth(before: Reading, metric: string, key: string, value: number): number {
  const last = before.series[metric]?.[key] ?? 0;
  return value < last ? value : value - last;
}

function joined(of: Expression["of"], values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  if (of === "sum") return values.reduce((total, value) => total + value, 0);
  return values.reduce((one, other) => (of === "min" ? Math.min(one, other) : Math.max(one, other)));
}

/** The 99th percentile of what a histogram counted since the reading before, as Prometheus computes it. */
function p99(metric: string, series: Series, before: Reading): number | undefined {
  const counts = new Map<number, number>();
  for (const [key, { labels, value }] of series) {
    const edge = labels["le"] === "+Inf" ? Infinity : Number(labels["le"]);
    counts.set(edge, (counts.get(edge) ?? 0) + growth(before, metric, key, value));
  }
  const edges = [...counts].sort(([one], [other]) => one - other);
  const total = edges.at(-1)?.[1] ?? 0;
  const rank = 0.99 * total;
  let from = 0;
  let below = 0;
  for (const [edge, count] of total === 0 ? [] : edges) {
    if (count >= rank) return edge === Infinity ? from : from + ((edge - from) * (rank - below)) / (count - below);
    from = edge;
    below = count;
  }
  return undefined;
}

function metricsOf({ kind, metric }: Expression): string[] {
  return kind === "p99" ? [`${metric}_bucket`] : metric.split("|");
}

function evaluate(
  expression: Expression,
  all: ReadonlyMap<string, Series>,
  before: Reading,
  seconds: number,
): number | undefined {
  if (expression.kind !== "gauge" && before.at === 0) return undefined;
  const values = metricsOf(expression).flatMap((metric) => {
    const series = all.get(metric) ?? new Map<string, never>();
    if (expression.kind === "p99") return p99(metric, series, before) ?? [];
    return [...series].flatMap(([key, { labels, value }]) => {
      if (!isChosen(labels, expression)) return [];
      if (expression.kind === "gauge") return [value];
      const grown = growth(before, metric, key, value);
      return [expression.kind === "rate" ? grown / seconds : grown];
    });
  });
  return joined(expression.of, values);
}

function last(file: string): Reading {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Reading;
  } catch {
    // The first reading of this machine, or the disk was full at the last one.
    return { at: 0, series: {} };
  }
}

const measures = JSON.parse(readFileSync(measuresFile, "utf8")) as Record<string, Measure>;
const wanted = new Set(
  Object.values(measures).flatMap(({ value, over }) => (over === null ? [value] : [value, over]).flatMap(metricsOf)),
);
const now = Date.now();
const before = last(stateFile);
const seconds = Math.max(1, (now - before.at) / 1000);
const all = read(readFileSync(0, "utf8"), wanted);

for (const [name, { unit, value, over }] of Object.entries(measures)) {
  const top = evaluate(value, all, before, seconds);
  const bottom = over === null ? 1 : evaluate(over, all, before, seconds);
  if (top === undefined || bottom === undefined || bottom === 0 || !Number.isFinite(top)) continue;
  process.stdout.write(`${name} ${unit} ${top / bottom}\n`);
}

const series = Object.fromEntries(
  [...all].map(([metric, of]) => [metric, Object.fromEntries([...of].map(([key, one]) => [key, one.value]))]),
);
writeFileSync(`${stateFile}.new`, JSON.stringify({ at: now, series }));
renameSync(`${stateFile}.new`, stateFile);
