import type { MetricSources } from "../moq/metrics.ts";
import { METRIC_PREFIX } from "../relay/http/index.ts";

/** Counters and gauges by their line in `/metrics`. Histograms are left out: they are no single number. */
export async function metricNumbers(sources: MetricSources): Promise<Record<string, number>> {
  await sources.refresh();
  const numbers: Record<string, number> = {};
  for (const { metrics } of sources.groups) {
    for (const metric of Object.values(metrics)) {
      for (const [labels, value] of sources.samples(metric)) {
        if (typeof value === "number") numbers[METRIC_PREFIX + metric.name + labelText(labels)] = value;
      }
    }
  }
  return numbers;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
