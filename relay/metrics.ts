import {
  FAILOVER_METRICS,
  GAP_METRICS,
  HITLESS_METRICS,
  REPLICATION_METRICS,
  SUSPICION_METRICS,
  TOPOLOGY_METRICS,
  WARM_METRICS,
} from "../cluster/index.ts";
import { CLOUD_METRICS, HOOK_METRICS } from "../machine/index.ts";
import { COUNTER_GROUPS } from "../moq/counters.ts";
import type { MetricGroup } from "../moq/metrics.ts";
import { BROADCAST_METRICS, POLICY_METRICS } from "../moq/model/index.ts";
import { HEALTH_METRICS } from "./health/index.ts";
import {
  AUTH_METRICS,
  FILE_METRICS,
  PROXY_METRICS,
  REFUSAL_METRICS,
  SYSTEM_METRICS,
  TRAFFIC_METRICS,
} from "./host/index.ts";
import { API_METRICS, PORT_METRICS, RELAY_METRICS } from "./http/index.ts";
import { LOG_METRICS, SAMPLING_METRICS } from "./log/index.ts";
import { MESH_METRICS, REGISTRY_METRICS } from "./mesh/index.ts";
import { HANDSHAKE_METRICS, SHEDDING_METRICS } from "./pressure/index.ts";
import { WEBHOOK_METRICS } from "./webhooks/index.ts";

/** Every group of metrics of a relay, in the order of docs/metrics.md. A new group is added here; a new metric of a group is not. */
export const METRICS: readonly MetricGroup[] = [
  RELAY_METRICS,
  HEALTH_METRICS,
  SYSTEM_METRICS,
  ...COUNTER_GROUPS,
  TRAFFIC_METRICS,
  BROADCAST_METRICS,
  POLICY_METRICS,
  REFUSAL_METRICS,
  PORT_METRICS,
  PROXY_METRICS,
  HANDSHAKE_METRICS,
  SHEDDING_METRICS,
  API_METRICS,
  AUTH_METRICS,
  FILE_METRICS,
  MESH_METRICS,
  TOPOLOGY_METRICS,
  FAILOVER_METRICS,
  SUSPICION_METRICS,
  GAP_METRICS,
  WARM_METRICS,
  HITLESS_METRICS,
  REGISTRY_METRICS,
  REPLICATION_METRICS,
  WEBHOOK_METRICS,
  HOOK_METRICS,
  CLOUD_METRICS,
  LOG_METRICS,
  SAMPLING_METRICS,
];
