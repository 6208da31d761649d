import type { Metric, MetricGroup } from "../../moq/metrics.ts";
import { METRIC_PREFIX } from "../../relay/http/index.ts";
import { METRICS } from "../../relay/metrics.ts";
import { code, table } from "./markdown.ts";

const INTRODUCTION = `# Metrics

<!-- Generated from the declarations in the code by \`npm run docs:metrics\`; changes here are lost. -->

The admin listener serves these metrics at \`/metrics\`, in Prometheus format: see \`[http]\` in [config.md](config.md). A *counter* counts since
the start of the relay; a *gauge* shows the present. A part that a relay does not have, such as a mesh, shows 0.

The relay also shows CPU, memory, event loop and garbage collector of its process, under names that begin with \`${METRIC_PREFIX}process\` and
\`${METRIC_PREFIX}nodejs\`; [prom-client](https://github.com/siimon/prom-client) describes them.
`;

/** The text of docs/metrics.md. */
export function metricsPage(): string {
  return [INTRODUCTION, ...METRICS.map(groupText)].join("\n");
}

function groupText({ title, metrics }: MetricGroup): string {
  return `## ${title}

${table(["Metric", "Type", "Labels", "Meaning"], Object.values(metrics).map(row))}
`;
}

function row({ name, type, labels, help }: Metric): string[] {
  return [code(METRIC_PREFIX + name), type, Object.entries(labels).map(labelText).join("<br>"), help];
}

function labelText([label, values]: [string, readonly string[] | string]): string {
  return `${code(label)}: ${typeof values === "string" ? values : values.map(code).join(", ")}`;
}
