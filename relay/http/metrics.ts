import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Metric, MetricSources } from "../../moq/metrics.ts";

/** The name of every metric starts with it. */
export const METRIC_PREFIX = "moqmesh_";

let processRegistry: Registry | undefined;

/** Metrics of the process. They are made once, because their observers cannot be removed. */
function processMetrics(): Registry {
  if (processRegistry === undefined) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry, prefix: METRIC_PREFIX });
  }
  return processRegistry;
}

/** The declared metrics of one relay in Prometheus format. */
export class PrometheusExport {
  readonly #registry = new Registry();
  readonly #sources: MetricSources;
  readonly #registered = new Set<Metric>();

  constructor(sources: MetricSources) {
    this.#sources = sources;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Text of the Prometheus exposition format, with what the metrics show now. */
  async render(): Promise<string> {
    for (const { metrics } of this.#sources.groups) {
      for (const metric of Object.values(metrics)) this.#register(metric);
    }
    return (await Promise.all([this.#registry.metrics(), processMetrics().metrics()])).join("\n");
  }

  /** Groups may be declared while the relay runs. */
  #register(metric: Metric): void {
    if (this.#registered.has(metric)) return;
    this.#registered.add(metric);
    const { type, name, help, labels } = metric;
    const samples = () => this.#sources.samples(metric);
    const head = { name: METRIC_PREFIX + name, help, labelNames: Object.keys(labels), registers: [] };
    this.#registry.registerMetric(type === "counter" ? counterOf(head, samples) : gaugeOf(head, samples));
  }
}

type Head = ConstructorParameters<typeof Gauge<string>>[0];
type Samples = () => ReturnType<MetricSources["samples"]>;

function counterOf(head: Head, samples: Samples): Counter {
  return new Counter({
    ...head,
    collect() {
      this.reset();
      for (const [labels, value] of samples()) this.inc(labels, value);
    },
  });
}

function gaugeOf(head: Head, samples: Samples): Gauge {
  return new Gauge({
    ...head,
    collect() {
      this.reset();
      for (const [labels, value] of samples()) this.set(labels, value);
    },
  });
}
