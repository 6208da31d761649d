import assert from "node:assert/strict";
import { test } from "node:test";
import { METRICS } from "../../relay/metrics.ts";

/** Names, types and labels that dashboards and alerts rely on. */
const PUBLISHED = [
  "gauge announcement_watchers",
  "counter api_actions_total",
  "counter api_requests_refused_total reason",
  "counter api_requests_total",
  "counter auth_file_failures_total",
  "gauge auth_keys",
  "gauge auth_revocations",
  "counter bounds_hit_total bound",
  "counter broadcast_received_payload_bytes_total broadcast",
  "counter broadcast_sent_payload_bytes_total broadcast",
  "gauge broadcast_subscriptions broadcast",
  "gauge broadcasts",
  "gauge build_info version engine",
  "gauge cache_budget_bytes",
  "gauge cache_bytes",
  "counter cache_evictions_total",
  "gauge cache_groups",
  "gauge certificate_expiry_timestamp_seconds",
  "gauge certificate_left_seconds name",
  "counter defects_total",
  "histogram delivery_delay_seconds",
  "counter engine_handshakes_total result",
  "counter engine_worker_busy_seconds_total worker",
  "gauge engine_worker_links worker",
  "gauge engine_worker_queue worker",
  "gauge engine_worker_silent_seconds worker",
  "counter fetch_hits_total",
  "counter fetch_misses_total",
  "counter file_reload_failures_total files",
  "counter file_reloads_total files",
  "gauge files_refused files",
  "counter groups_dropped_total reason",
  "counter handshakes_limited_total plane",
  "gauge health_check_failing code",
  "gauge http_connections",
  "counter http_connections_failed_total",
  "counter http_connections_refused_total",
  "counter http_connections_timed_out_total",
  "counter joins_from_cache_total",
  "counter joins_without_cache_total",
  "gauge limit limit",
  "gauge live",
  "counter log_lines_lost_total",
  "counter log_lines_suppressed_total",
  "gauge memory_limit_bytes",
  "gauge memory_level",
  "counter memory_viewers_closed_total",
  "counter memory_cache_shed_bytes_total",
  "counter mesh_failovers_total",
  "counter mesh_groups_lost_total",
  "counter mesh_groups_resumed_total",
  "gauge mesh_links",
  "counter mesh_namesakes_total",
  "gauge mesh_nodes",
  "gauge mesh_registered_broadcasts",
  "gauge mesh_remote_broadcasts",
  "gauge mesh_roots_connected",
  "gauge mesh_scopes",
  "histogram mesh_splice_gap_seconds",
  "counter mesh_splices_total",
  "gauge mesh_tier_asks",
  "gauge mesh_tier_relays",
  "gauge node_info node role region",
  "counter packets_lost_total role",
  "counter packets_sent_total role",
  "counter protocol_violations_total",
  "gauge ready",
  "counter received_datagrams_total",
  "counter received_frames_total",
  "counter received_groups_total",
  "counter received_media_bytes_total role protocol",
  "counter received_payload_bytes_total",
  "gauge registry_backend_up",
  "counter registry_contested_total",
  "counter registry_errors_total",
  "gauge registry_holdings",
  "gauge registry_nodes",
  "gauge registry_reconcile_seconds",
  "counter registry_strange_total",
  "counter registry_writes_total",
  "histogram round_trip_seconds role",
  "counter sent_datagrams_total",
  "counter sent_frames_total",
  "counter sent_groups_total",
  "counter sent_media_bytes_total role protocol",
  "counter sent_payload_bytes_total",
  "gauge sessions engine protocol",
  "counter sessions_closed_total reason",
  "counter sessions_opened_total",
  "counter sessions_refused_total code",
  "gauge subscriptions",
  "counter subscriptions_opened_total",
  "counter subscriptions_refused_total",
  "gauge tenant_sessions tenant",
  "counter tenant_wire_received_bytes_total tenant",
  "counter tenant_wire_sent_bytes_total tenant",
  "histogram time_to_first_group_seconds from",
  "gauge tracks",
  "counter udp_receive_drops_total",
  "counter upstream_subscriptions_total",
  "gauge uptime_seconds",
  "gauge waiting_tracks",
  "counter webhooks_delivered_total",
  "counter webhooks_dropped_total cause",
  "counter webhooks_failed_total",
  "gauge webhooks_queued",
  "counter wire_received_bytes_total role protocol",
  "counter wire_sent_bytes_total role protocol",
];

const metrics = METRICS.flatMap((group) => Object.values(group.metrics));

test("the metrics of a relay have the names, types and labels that they were published with", () => {
  const declared = metrics.map(({ type, name, labels }) => [type, name, ...Object.keys(labels)].join(" "));
  assert.deepEqual(declared.sort(byName), [...PUBLISHED].sort(byName));
});

test("the help of a metric is a sentence, and only the names of counters end in _total", () => {
  for (const { type, name, help, labels } of metrics) {
    assert.match(help, /^[A-Z0-9].*\.$/, name);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    for (const values of Object.values(labels)) assert.ok(values.length > 0, name);
  }
});

function byName(one: string, other: string): number {
  return one < other ? -1 : 1;
}
