import { counter, gauge, metricGroup } from "../moq/metrics.ts";

export const TOPOLOGY_METRICS = metricGroup("Topology of the mesh", {
  parentIgnored: gauge(
    "mesh_parent_region_ignored",
    "1 while this relay uses no parent region because parent regions lead in a circle, else 0.",
  ),
  fullness: gauge(
    "mesh_fullness",
    "How near this relay is to its bounds, of sessions, egress (`[cluster] egress`) and its busiest thread the highest: 1 is full.",
  ),
  busy: gauge(
    "mesh_busy",
    "1 while this relay is near its bounds (`[cluster] busy`), so that other relays take nothing new from it where another one can serve, else 0.",
  ),
  redirects: counter("mesh_redirects_total", "Viewers that this relay, while busy, asked to go to another edge."),
});

export type TopologyNumbers = Record<keyof typeof TOPOLOGY_METRICS.metrics, number>;
