/**
 * What the relay counts. Plain numbers, added to where things happen and read by the metrics endpoint;
 * names of reasons and bounds are closed sets, so that label values are bounded.
 */

/** Why a group did not reach a subscriber whole. */
export const DROP_REASONS = [
  /** Older than the subscriber's max latency allows. */
  "expired",
  /** The subscriber's queue passed its mark. */
  "backlog",
  /** The subscriber allows no more streams. */
  "no_stream",
  /** The subscriber asked to stop. */
  "stopped",
  /** The publisher reset it, or went away inside it. */
  "upstream",
  /** Older than what the cache keeps, or evicted. */
  "evicted",
  /** A frame of it is larger than the relay takes. */
  "refused",
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Named bounds; each time that one is hit is counted. */
export const BOUNDS = [
  "sessions",
  "announcements_per_session",
  "announce_streams_per_session",
  "subscriptions_per_session",
  "fetches_per_session",
  "probes_per_session",
  "pending_streams_per_session",
  "unanswered_per_viewer",
  "request_timeout",
  "tracks_per_broadcast",
  "broadcasts",
  "path_bytes",
  "track_name_bytes",
  "frame_bytes",
  "group_bytes",
  "frames_per_group",
  "groups_per_track",
  "kept_tracks_per_session",
  "session_queue_bytes",
  "session_unread_bytes",
  "waiting_subscriptions",
  "cache_bytes",
  "header_timeout",
  "file_descriptors",
  "mesh_scopes",
  "mesh_tier_relays",
  "mesh_tier_asks",
  "mesh_dns_relays",
  "mesh_clock_ahead",
  "tenant_broadcasts",
  "tenant_subscriptions",
  "tenant_ingress",
  "tenant_egress",
] as const;
export type BoundName = (typeof BOUNDS)[number];

function zeroes<K extends string>(names: readonly K[]): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>;
}

/** Totals since the process started, and gauges kept by whoever owns the thing counted. */
export class Counters {
  sessionsOpened = 0;
  sessionsActive = 0;
  /** Sessions ended, by the reason's stable name. */
  readonly sessionsClosed = new Map<string, number>();
  /** Clients that were not let in, by the refusal's code. */
  readonly sessionsRefused = new Map<string, number>();
  /** Payload bytes of frames received from publishers. */
  bytesIn = 0;
  /** Payload bytes of frames written to subscribers. */
  bytesOut = 0;
  framesIn = 0;
  framesOut = 0;
  groupsIn = 0;
  /** Groups opened towards subscribers. */
  groupsOut = 0;
  datagramsIn = 0;
  datagramsOut = 0;
  readonly groupsDropped = zeroes(DROP_REASONS);
  readonly boundsHit = zeroes(BOUNDS);
  broadcastsActive = 0;
  /** Tracks with an upstream subscription. */
  tracksActive = 0;
  subscriptionsActive = 0;
  subscriptionsTotal = 0;
  subscriptionsRefused = 0;
  upstreamSubscriptions = 0;
  /** Bytes that the group cache holds now, and its budget. */
  cacheBytes = 0;
  cacheBudget = 0;
  cacheGroups = 0;
  cacheEvictions = 0;
  fetchHits = 0;
  fetchMisses = 0;
  /** Late joiners that got a current group from the cache. */
  joins = 0;
  protocolViolations = 0;
  /** Errors that the program did not expect; each ended what it happened in, and nothing else. */
  defects = 0;

  refused(code: string): void {
    this.sessionsRefused.set(code, (this.sessionsRefused.get(code) ?? 0) + 1);
  }

  closed(reason: string): void {
    this.sessionsClosed.set(reason, (this.sessionsClosed.get(reason) ?? 0) + 1);
  }
}
