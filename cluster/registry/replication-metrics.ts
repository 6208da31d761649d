import { counter, gauge, metricGroup } from "../../moq/metrics.ts";

export const REPLICATION_METRICS = metricGroup("Shared registry", {
  writes: counter("registry_writes_total", "Writes that the shared registry accepted."),
  errors: counter("registry_errors_total", "Calls of the shared registry that failed."),
  unreadable: counter("registry_unreadable_total", "Records in the shared registry that this root cannot read."),
  reconcileSeconds: gauge(
    "registry_reconcile_seconds",
    "Seconds that the last comparison with the shared registry took.",
  ),
});

export type ReplicationCounters = Record<keyof typeof REPLICATION_METRICS.metrics, number>;
