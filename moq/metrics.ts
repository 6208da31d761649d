/**
 * Metrics are declared where they are counted: a group has the name, the type and the help of each. The object that counts stays a
 * plain object of numbers. The metrics endpoint and docs/metrics.md show every group that is declared.
 */

export interface Metric {
  readonly type: "counter" | "gauge";
  /** In Prometheus style, without the prefix of the program. */
  readonly name: string;
  /** A sentence for operators. */
  readonly help: string;
  /** By label: its values, or a sentence about them where they are no closed set. */
  readonly labels: Readonly<Record<string, readonly string[] | string>>;
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

/** One line of a metric: the values of its labels, and its number. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** What a metric shows: a number, a number for each value of its only label, or samples where it has several labels. */
export type Reading = number | ReadonlyMap<string, number> | Readonly<Record<string, number>> | readonly Sample[];

/** An object with the readings of a group. */
export type Readings<Key extends string = string> = { readonly [K in Key]: Reading };

/** Values of a label that is no closed set: further ones are counted as `other`. */
export const MAX_LABEL_VALUES = 48;

/** The groups of one relay, and what each is read from. */
export class MetricSources {
  readonly #groups = new Set<MetricGroup>();
  readonly #readers = new Map<Metric, () => Reading | undefined>();
  readonly #numbers = new Map<MetricGroup, Record<string, number>>();

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

  /** What `metric` shows now; nothing while there is nothing to read it from. */
  samples(metric: Metric): readonly Sample[] {
    const reading = this.#readers.get(metric)?.();
    if (reading === undefined) return [];
    if (typeof reading === "number") return [[{}, reading]];
    if (isSamples(reading)) return reading;
    const [label = ""] = Object.keys(metric.labels);
    const entries = reading instanceof Map ? bounded(reading) : Object.entries(reading);
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

function isSamples(reading: Exclude<Reading, number>): reading is readonly Sample[] {
  return Array.isArray(reading);
}

/** The first {@link MAX_LABEL_VALUES} entries, and one for all others together. */
function bounded(counts: ReadonlyMap<string, number>): [string, number][] {
  const entries = [...counts];
  const others = entries.splice(MAX_LABEL_VALUES);
  if (others.length > 0) entries.push(["other", others.reduce((sum, [, count]) => sum + count, 0)]);
  return entries;
}
