import type { MetricSources } from "../../moq/metrics.ts";
import type { Exposed, Exposition } from "./exposition.ts";

/** The declared metrics of one relay, as text for Prometheus. A relay that is never scraped does not load the library for it. */
export class PrometheusExport {
  readonly #sources: MetricSources;
  #exposition: Promise<Exposition> | undefined;

  constructor(sources: MetricSources) {
    this.#sources = sources;
  }

  /** What the metrics show now. `accept` is that field of the request: a client that names OpenMetrics gets it. */
  async render(accept = ""): Promise<Exposed> {
    this.#exposition ??= import("./exposition.ts").then((loaded) => new loaded.Exposition(this.#sources));
    return await (await this.#exposition).render(accept);
  }
}
