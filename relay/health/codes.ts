/**
 * The reason codes of health. They are stable: alerts and scripts name them, and docs/operations.md has a section for each. A code is never
 * used again for something else.
 */

/** The states of a relay that is not ready because of where it is in its life. */
export const STATE_CODES = ["starting", "draining", "closed"] as const;

/** The conditions that checks find. */
export const CHECK_CODES = [
  "quic_unreachable",
  "websocket_unreachable",
  "certificate_expired",
  "certificate_needs_restart",
  "files_refused",
  "certificate_not_yet_valid",
  "certificate_expires_soon",
  "certificate_name_mismatch",
  "keys_unreadable",
  "revocations_unreadable",
  "keys_unavailable",
  "key_url_unreachable",
  "auth_api_unreachable",
  "no_root",
  "roots_unreachable",
  "upstreams_unreachable",
  "dns_failing",
  "registry_unreachable",
  "node_taken",
  "engine_worker_stuck",
  "event_loop_blocked",
  "memory_high",
  "memory_short",
  "file_descriptors",
  "file_descriptors_low",
  "udp_drops",
  "state_folder_unwritable",
  "clock_jumped",
  "machine_ending",
] as const;

/** A condition that a check finds. */
export type CheckCode = (typeof CHECK_CODES)[number];

export type HealthCode = CheckCode | (typeof STATE_CODES)[number];
