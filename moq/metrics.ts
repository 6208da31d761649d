/**
 * Metrics are declared where they are counted: a group has the name, the type and the help of each. The object that counts stays a
 * plain object of numbers. The metrics endpoint and docs/metrics.md show every group that is declared.
 */

export interface Metric {
  readonly type: "counter" | "gauge" | "histogram";
  /** In Prometheus style, without the prefix of the program. */
  readonly name: string;
  /** A sentence for operators. */
  readonly help: string;
  /** By label: its values, or a sentence about them where they are no closed set. */
  readonly labels: Readonly<Record<string, readonly string[] | string>>;
  /** Upper bounds of a histogram, ascending; a last bucket without a bound is added. */
  readonly buckets?: readonly number[];
}

/** Metrics of one owner, each under the name of the field that it is read from. */
export interface MetricGroup<Key extends string = string> {
  readonly title: string;
  readonly metrics: Readonly<Record<Key, Metric>>;
}

export function metricGroup<Key extends string>(
  title: string,
  metrics: Readonly<Record<Key, Metric>>,
): MetricGroup<Key> {
  return { title, metrics };
}

/** A total since the start; its name ends in `_total`. */
export function counter(name: string, help: string, labels: Metric["labels"] = {}): Metric {
  return { type: "counter", name, help, labels };
}

/** A number that rises and falls. */
export function gauge(name: string, help: string, labels: Metric["labels"] = {}): Metric {
  return { type: "gauge", name, help, labels };
}

/** Observations by size. Its readings are {@link Distribution}. */
export function histogram(
  name: string,
  help: string,
  buckets: readonly number[],
  labels: Metric["labels"] = {},
): Metric {
  return { type: "histogram", name, help, labels, buckets };
}

/** The observations of a histogram since the start. */
export class Distribution {
  /** Upper bounds, inclusive, ascending. */
  readonly bounds: readonly number[];
  /** Observations by bucket: one for each bound, and one for those above all bounds. */
  readonly counts: Float64Array;
  sum = 0;

  constructor({ buckets = [] }: Metric) {
    this.bounds = buckets;
    this.counts = new Float64Array(buckets.length + 1);
  }

  /** Call this once for a group or a request, never for a frame. */
  observe(value: number): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    counts[at] = (counts[at] as number) + 1;
    this.sum += value;
  }
}

/** One line of a metric: the values of its labels, and its number, or its observations where it is a histogram. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number | Distribution];

type Value = number | Distribution;

/** What a metric shows: a value, a value for each value of its only label, or samples where it has several labels. */
export type Reading = Value | ReadonlyMap<string, number> | Readonly<Record<string, Value>> | readonly Sample[];

/** An object with the readings of a group. */
export type Readings<Key extends string = string> = { readonly [K in Key]: Reading };

/** Values of a label that is no closed set: further ones are counted as `other`. */
export const MAX_LABEL_VALUES = 48;

/** The groups of one relay, and what each is read from. */
export class MetricSources {
  readonly #groups = new Set<MetricGroup>();
  readonly #readers = new Map<Metric, () => Reading | undefined>();
  readonly #numbers = new Map<MetricGroup, Record<string, number>>();
  readonly #refreshers = new Set<() => Promise<void>>();

  /** In the order in which they were declared first. */
  get groups(): Iterable<MetricGroup> {
    return this.#groups;
  }

  /** Shows `groups`, also while there is nothing to read them from. */
  declare(groups: Iterable<MetricGroup>): void {
    for (const group of groups) this.#groups.add(group);
  }

  /** Reads `group` from what `read` returns at each scrape; nothing while the owner does not exist. Replaces an earlier `read`. */
  attach<Key extends string>(group: MetricGroup<Key>, read: () => Readings<Key> | undefined): void {
    this.#groups.add(group);
    for (const key in group.metrics) this.#readers.set(group.metrics[key], () => read()?.[key]);
  }

  /** The numbers of `group`, 0 at first; every caller gets the same object. Once per owner, not per event: it is looked up. */
  numbers<Key extends string>(group: MetricGroup<Key>): Record<Key, number> {
    const known = this.#numbers.get(group);
    if (known !== undefined) return known;
    const numbers = numbersOf(group);
    this.#numbers.set(group, numbers);
    this.attach(group, () => numbers);
    return numbers;
  }

  /** Calls `refresh` before each scrape. It collects what costs too much to be read in one turn, and may take several turns. */
  beforeScrape(refresh: () => Promise<void>): void {
    this.#refreshers.add(refresh);
  }

  /** Call this before the samples of a scrape are read. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#refreshers].map((refresh) => refresh()));
  }

  /** What `metric` shows now. While there is nothing to read it from: 0, of a counter for each declared value of its label. */
  samples(metric: Metric): readonly Sample[] {
    const reading = this.#readers.get(metric)?.();
    if (reading === undefined) return without(metric);
    if (typeof reading === "number" || reading instanceof Distribution) return [[{}, reading]];
    if (isSamples(reading)) return reading;
    const [label = ""] = Object.keys(metric.labels);
    const entries = isCounts(reading) ? bounded(reading) : Object.entries<Value>(reading);
    return entries.map(([value, count]) => [{ [label]: value }, count]);
  }
}

/** A number for each metric of the group, 0 at first. */
export function numbersOf<Key extends string>(group: MetricGroup<Key>): Record<Key, number> {
  return zeroes(Object.keys(group.metrics) as Key[]);
}

/** A number for each name, 0 at first. */
export function zeroes<K extends string>(names: readonly K[]): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>;
}

/** A counter that begins later must not begin above 0: what it counted first would be no increase to Prometheus. */
function without(metric: Metric): readonly Sample[] {
  const [first, ...others] = Object.entries(metric.labels);
  if (first === undefined) return [[{}, nothing(metric)]];
  const [label, values] = first;
  if (metric.type === "gauge" || typeof values === "string" || others.length > 0) return [];
  return values.map((value) => [{ [label]: value }, nothing(metric)]);
}

function nothing(metric: Metric): Value {
  return metric.type === "histogram" ? new Distribution(metric) : 0;
}

function isCounts(
  reading: ReadonlyMap<string, number> | Readonly<Record<string, Value>>,
): reading is ReadonlyMap<string, number> {
  return reading instanceof Map;
}

function isSamples(reading: Exclude<Reading, Value>): reading is readonly Sample[] {
  return Array.isArray(reading);
}

/** The first {@link MAX_LABEL_VALUES} entries, and one for all others together. */
function bounded(counts: ReadonlyMap<string, number>): [string, number][] {
  const entries = [...counts];
  const others = entries.splice(MAX_LABEL_VALUES);
  if (others.length > 0) entries.push(["other", others.reduce((sum, [, count]) => sum + count, 0)]);
  return entries;
}
