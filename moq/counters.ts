/** What sessions and the model count in several places. Reasons and bounds are closed sets, so that label values are bounded. */
import { counter, Distribution, gauge, histogram, MetricSources, metricGroup, zeroes } from "./metrics.ts";
import type { Reason } from "./reason.ts";

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
  "fetch_range",
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
  "subgroups_per_group",
  "groups_per_track",
  "kept_tracks_per_session",
  "ended_tracks_per_session",
  "session_queue_bytes",
  "session_unread_bytes",
  "waiting_subscriptions",
  "cache_bytes",
  "header_timeout",
  "unused_timeout",
  "file_descriptors",
  "mesh_scopes",
  "mesh_tier_relays",
  "mesh_tier_asks",
  "mesh_dns_relays",
  "mesh_warm_links",
  "mesh_clock_ahead",
  "mesh_revocations",
  "mesh_tenants",
  "tenant_broadcasts",
  "tenant_subscriptions",
  "tenant_ingress",
  "tenant_egress",
  "policy_broadcasts",
  "policy_publishers",
  "policy_tracks",
  "policy_sessions",
  "policy_subscriptions",
  "policy_ingress",
  "policy_egress",
] as const;
export type BoundName = (typeof BOUNDS)[number];

/** Reasons for which this relay ends a session. */
export const END_REASONS = [
  "closed",
  "unauthorized",
  "timeout",
  "token_expired",
  "token_revoked",
  "limit",
  "protocol",
  "lagged",
  "internal",
] as const satisfies readonly Reason[];
export type EndReason = (typeof END_REASONS)[number];

/** How a session ended: for a reason of this relay, closed by this end or by the peer (`remote_error`: with a code), or by its link. `timeout` is both. */
export const SESSION_ENDS = [...END_REASONS, "local", "remote", "remote_error", "error"] as const;
export type SessionEnd = (typeof SESSION_ENDS)[number];

/** Where the first group of a subscription came from. */
export const FIRST_GROUPS = ["cache", "upstream"] as const;

/** Upper bounds in seconds of what a viewer waits for. */
const WAIT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const SESSION_METRICS = metricGroup("Sessions", {
  sessionsOpened: counter("sessions_opened_total", "Sessions that were established."),
  sessionsClosed: counter("sessions_closed_total", "Sessions that ended, by reason.", {
    reason: SESSION_ENDS,
  }),
  protocolViolations: counter("protocol_violations_total", "Sessions that ended because the peer broke the protocol."),
  boundsHit: counter("bounds_hit_total", "Times that a bound of the relay was reached, by bound.", { bound: BOUNDS }),
  defects: counter("defects_total", "Errors in the relay's own code that it caught. The log has each of them."),
});

const MEDIA_METRICS = metricGroup("Media", {
  bytesIn: counter("received_payload_bytes_total", "Bytes of frame payload received from publishers."),
  bytesOut: counter("sent_payload_bytes_total", "Bytes of frame payload written to subscribers."),
  bytesPassed: counter(
    "passed_payload_bytes_total",
    "Bytes of frame payload that the engine passed on to subscribers before the program had them; part of the sent ones.",
  ),
  framesIn: counter("received_frames_total", "Frames received from publishers."),
  framesOut: counter("sent_frames_total", "Frames written to subscribers."),
  groupsIn: counter("received_groups_total", "Groups received from publishers."),
  groupsOut: counter("sent_groups_total", "Groups that the relay began to send to subscribers."),
  objectsLate: counter(
    "late_objects_total",
    "Objects that viewers of whole groups (moq-lite) did not get, because an object with a higher id had been sent before they came.",
  ),
  groupsDropped: counter("groups_dropped_total", "Groups that did not reach a subscriber whole, by reason.", {
    reason: DROP_REASONS,
  }),
  datagramsIn: counter("received_datagrams_total", "Datagrams received from publishers."),
  datagramsOut: counter("sent_datagrams_total", "Datagrams sent to subscribers."),
});

const TRACK_METRICS = metricGroup("Broadcasts, tracks and subscriptions", {
  broadcastsActive: gauge("broadcasts", "Broadcasts that are announced now."),
  tracksActive: gauge("tracks", "Tracks that the relay subscribes to at their publisher now."),
  upstreamSubscriptions: counter("upstream_subscriptions_total", "Subscriptions that the relay made at publishers."),
  subscriptionsActive: gauge("subscriptions", "Subscriptions that subscribers have now."),
  viewersActive: gauge("viewers", "Sessions of clients that have a subscription now."),
  subscriptionsTotal: counter("subscriptions_opened_total", "Subscriptions that subscribers asked for."),
  subscriptionsRefused: counter("subscriptions_refused_total", "Subscriptions that the relay refused."),
  subscriptionsWaiting: gauge(
    "waiting_tracks",
    "Tracks whose subscriptions wait until their broadcast is published, or until its publisher is back.",
  ),
  watchers: gauge("announcement_watchers", "Requests for announcements under a prefix that run now."),
  firstGroup: histogram(
    "time_to_first_group_seconds",
    "Seconds from a subscription until the relay began to send its first group, by where the group came from.",
    WAIT_SECONDS,
    { from: FIRST_GROUPS },
  ),
  delivery: histogram(
    "delivery_delay_seconds",
    "Seconds from the end of a group until all of it had left for a viewer. The relay checks 100 ms after each group has begun, so a value is up to that much too high, and more where groups are long.",
    WAIT_SECONDS,
  ),
});

const CACHE_METRICS = metricGroup("Cache", {
  cacheBytes: gauge("cache_bytes", "Bytes that the group cache holds now."),
  cacheBudget: gauge("cache_budget_bytes", "Bytes that the group cache may hold."),
  cacheGroups: gauge("cache_groups", "Groups that the cache holds now."),
  cacheEvictions: counter("cache_evictions_total", "Groups that the cache evicted to stay within its budget."),
  joins: counter("joins_from_cache_total", "Subscribers that got the current group from the cache when they joined."),
  joinMisses: counter(
    "joins_without_cache_total",
    "Subscribers that joined while the cache did not have the current group, and got the next one.",
  ),
  fetchHits: counter("fetch_hits_total", "Fetches that the relay answered from the cache."),
  fetchMisses: counter("fetch_misses_total", "Fetches that the relay passed on to the publisher."),
});

/** The groups of {@link Counters}. */
export const COUNTER_GROUPS = [SESSION_METRICS, MEDIA_METRICS, TRACK_METRICS, CACHE_METRICS] as const;

/** Totals since the start, and gauges that the owner of the counted thing keeps. A plain field each: frames are counted here. */
export class Counters extends MetricSources {
  sessionsOpened = 0;
  sessionsActive = 0;
  readonly sessionsClosed = zeroes(SESSION_ENDS);
  readonly sessionsRefused = new Map<string, number>();
  bytesIn = 0;
  bytesOut = 0;
  bytesPassed = 0;
  framesIn = 0;
  framesOut = 0;
  groupsIn = 0;
  groupsOut = 0;
  objectsLate = 0;
  datagramsIn = 0;
  datagramsOut = 0;
  readonly groupsDropped = zeroes(DROP_REASONS);
  readonly boundsHit = zeroes(BOUNDS);
  broadcastsActive = 0;
  tracksActive = 0;
  subscriptionsActive = 0;
  viewersActive = 0;
  subscriptionsTotal = 0;
  subscriptionsRefused = 0;
  upstreamSubscriptions = 0;
  subscriptionsWaiting = 0;
  watchers = 0;
  readonly firstGroup = {
    cache: new Distribution(TRACK_METRICS.metrics.firstGroup),
    upstream: new Distribution(TRACK_METRICS.metrics.firstGroup),
  };
  readonly delivery = new Distribution(TRACK_METRICS.metrics.delivery);
  cacheBytes = 0;
  cacheBudget = 0;
  cacheGroups = 0;
  cacheEvictions = 0;
  fetchHits = 0;
  fetchMisses = 0;
  joins = 0;
  joinMisses = 0;
  protocolViolations = 0;
  defects = 0;

  constructor() {
    super();
    this.attach(SESSION_METRICS, () => this);
    this.attach(MEDIA_METRICS, () => this);
    this.attach(TRACK_METRICS, () => this);
    this.attach(CACHE_METRICS, () => this);
  }

  refused(code: string): void {
    this.sessionsRefused.set(code, (this.sessionsRefused.get(code) ?? 0) + 1);
  }
}
