import { counter, Distribution, gauge, histogram, type MetricSources, metricGroup } from "../../moq/metrics.ts";

export const FAILOVER_METRICS = metricGroup("Failover", {
  failovers: counter("mesh_failovers_total", "Tracks that moved to another relay because theirs was lost."),
  splices: counter("mesh_splices_total", "Tracks that moved to another relay while theirs still ran."),
  groupsResumed: counter("mesh_groups_resumed_total", "Groups that one relay began and another relay ended."),
  groupsLost: counter("mesh_groups_lost_total", "Groups that no other relay could continue."),
});

export const GAP_METRICS = metricGroup("Gaps of failover", {
  gaps: histogram(
    "mesh_splice_gap_seconds",
    "Seconds without a group from the loss of a track's relay until another relay began one.",
    [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30],
  ),
});

export type FailoverCounters = Record<keyof typeof FAILOVER_METRICS.metrics, number>;

/** The gaps of all tracks of a relay, shown in its metrics. */
export function gapsOf(sources: MetricSources): Distribution {
  const gaps = new Distribution(GAP_METRICS.metrics.gaps);
  sources.attach(GAP_METRICS, () => ({ gaps }));
  return gaps;
}

export const WARM_METRICS = metricGroup("Links kept for failover", {
  links: gauge(
    "mesh_warm_links",
    "Relays to which a link is kept because tracks would move there if their relay failed.",
  ),
});

/** Shows the links that `warm` keeps in the metrics. */
export function warmLinksIn(sources: MetricSources, warm: { readonly size: number }): void {
  sources.attach(WARM_METRICS, () => ({ links: warm.size }));
}
