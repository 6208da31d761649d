import { gauge, metricGroup } from "../moq/metrics.ts";

export const TOPOLOGY_METRICS = metricGroup("Topology of the mesh", {
  parentIgnored: gauge(
    "mesh_parent_region_ignored",
    "1 while this relay uses no parent region because parent regions lead in a circle, else 0.",
  ),
});

export type TopologyNumbers = Record<keyof typeof TOPOLOGY_METRICS.metrics, number>;
