import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, type RegistryContentType } from "prom-client";
import type { Metric, MetricSources, Sample } from "../../moq/metrics.ts";
import { METRIC_PREFIX } from "./metric-prefix.ts";

/** Gauges of prom-client whose names end in `_total`, which is for counters. */
const MISNAMED = ["handles", "requests", "resources"].map((what) => `${METRIC_PREFIX}nodejs_active_${what}_total`);

/** The exposition formats: the one of Prometheus, and OpenMetrics for clients that ask for it. */
type Format = RegistryContentType;

/** The metrics as a scraper gets them. */
export interface Exposed {
  readonly contentType: string;
  readonly text: string;
}

const END_OF_OPENMETRICS = "# EOF\n";

const processRegistries = new Map<Format, Registry<Format>>();

/** Metrics of the process. They are made once for each format, because their observers cannot be removed. */
function processMetrics(format: Format): Registry<Format> {
  const known = processRegistries.get(format);
  if (known !== undefined) return known;
  const registry = emptyRegistry(format);
  collectDefaultMetrics({ register: registry, prefix: METRIC_PREFIX });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  processRegistries.set(format, registry);
  return registry;
}

function emptyRegistry(format: Format): Registry<Format> {
  const registry = new Registry<Format>();
  registry.setContentType(format);
  return registry;
}

/** The declared metrics of one relay, as text for Prometheus. */
export class Exposition {
  readonly #sources: MetricSources;
  readonly #formats = new Map<Format, FormatExport>();

  constructor(sources: MetricSources) {
    this.#sources = sources;
  }

  async render(accept: string): Promise<Exposed> {
    const format = accept.includes("application/openmetrics-text")
      ? Registry.OPENMETRICS_CONTENT_TYPE
      : Registry.PROMETHEUS_CONTENT_TYPE;
    const one = this.#formats.get(format) ?? new FormatExport(this.#sources, format);
    this.#formats.set(format, one);
    await this.#sources.refresh();
    return { contentType: format, text: await one.render() };
  }
}

/** The metrics in one format. prom-client renames the counters of an OpenMetrics registry, so each format has metrics of its own. */
class FormatExport {
  readonly #sources: MetricSources;
  readonly #format: Format;
  readonly #registry: Registry<Format>;
  readonly #registered = new Set<Metric>();

  constructor(sources: MetricSources, format: Format) {
    this.#sources = sources;
    this.#format = format;
    this.#registry = emptyRegistry(format);
  }

  async render(): Promise<string> {
    for (const { metrics } of this.#sources.groups) {
      for (const metric of Object.values(metrics)) this.#register(metric);
    }
    const own = await this.#registry.metrics();
    const ofProcess = await processMetrics(this.#format).metrics();
    return own.endsWith(END_OF_OPENMETRICS)
      ? own.slice(0, -END_OF_OPENMETRICS.length) + ofProcess
      : `${own}\n${ofProcess}`;
  }

  /** Groups may be declared while the relay runs. */
  #register(metric: Metric): void {
    if (this.#registered.has(metric)) return;
    this.#registered.add(metric);
    this.#registry.registerMetric(exported(metric, () => this.#sources.samples(metric)));
  }
}

type Samples = () => readonly Sample[];
interface Head {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: [];
}

function exported(metric: Metric, samples: Samples): Counter | Gauge | Histogram {
  const { type, name, help, labels } = metric;
  const head: Head = { name: METRIC_PREFIX + name, help, labelNames: Object.keys(labels), registers: [] };
  switch (type) {
    case "counter":
      return new DeclaredCounter(head, samples);
    case "gauge":
      return new DeclaredGauge(head, samples);
    case "histogram":
      return new DeclaredHistogram(head, samples);
  }
}

/** A line of a metric, as prom-client writes it. */
interface Line {
  readonly labels: Record<string, string | number>;
  readonly value: number;
  readonly metricName?: string;
}

/** Shows numbers that are kept where they are counted, in place of prom-client's own. The other two classes do the same. */
class DeclaredCounter extends Counter {
  readonly #samples: Samples;

  constructor(head: Head, samples: Samples) {
    super(head);
    this.#samples = samples;
  }

  override async get() {
    return { ...(await super.get()), values: this.#samples().map(lineOf) };
  }
}

class DeclaredGauge extends Gauge {
  readonly #samples: Samples;

  constructor(head: Head, samples: Samples) {
    super(head);
    this.#samples = samples;
  }

  override async get() {
    return { ...(await super.get()), values: this.#samples().map(lineOf) };
  }
}

class DeclaredHistogram extends Histogram {
  readonly #head: Head;
  readonly #samples: Samples;

  constructor(head: Head, samples: Samples) {
    super(head);
    this.#head = head;
    this.#samples = samples;
  }

  /** The text of a registry and `get` are made from this. */
  async getForPromString() {
    const { name, help } = this.#head;
    return { name, help, type: "histogram", values: this.#samples().flatMap((sample) => bucketLines(name, sample)) };
  }
}

function lineOf([labels, value]: Sample): Line {
  return { labels, value: typeof value === "number" ? value : value.sum };
}

/** The cumulative buckets, the sum and the count. */
function bucketLines(name: string, [labels, value]: Sample): Line[] {
  if (typeof value === "number") return [];
  let count = 0;
  const lines = [...value.bounds, "+Inf"].map((le, i): Line => {
    count += value.counts[i] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
  });
  return [
    ...lines,
    { metricName: `${name}_sum`, labels, value: value.sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
