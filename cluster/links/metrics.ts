import { counter, gauge, type MetricSources, metricGroup } from "../../moq/metrics.ts";

const REASONS = ["silence", "link_lost"] as const;

/** `silence`: the relay answered no probe. `link_lost`: the link ended, and this relay did not end it. */
export type SuspicionReason = (typeof REASONS)[number];

export const SUSPICION_METRICS = metricGroup("Relays in doubt", {
  suspicions: counter(
    "mesh_suspicions_total",
    "Relays that this relay took media from and then suspected, by reason.",
    {
      reason: REASONS,
    },
  ),
  unfounded: counter(
    "mesh_suspicions_unfounded_total",
    "Relays that were suspected for their silence and answered again over the same link.",
  ),
  suspected: gauge(
    "mesh_suspected_relays",
    "Relays that are used only where there is no other, because they were silent lately.",
  ),
});

export interface SuspicionCounts {
  readonly byReason: Record<SuspicionReason, number>;
  unfounded: number;
}

/** Counts of a relay, shown in its metrics; `suspected` says how many relays are in doubt now. */
export function suspicionCounts(sources: MetricSources, suspected: () => number): SuspicionCounts {
  const counts: SuspicionCounts = { byReason: { silence: 0, link_lost: 0 }, unfounded: 0 };
  sources.attach(SUSPICION_METRICS, () => ({
    suspicions: counts.byReason,
    unfounded: counts.unfounded,
    suspected: suspected(),
  }));
  return counts;
}
