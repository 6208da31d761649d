/** Limits of simulated relays and clients: small, so that a test reaches each of them soon. */
import type { MeshLimits } from "../../cluster/index.ts";
import type { LinkLimits } from "../../moq/link.ts";
import type { CacheOptions, ModelLimits, SubscribeOptions, TrackInfo } from "../../moq/model/index.ts";
import type { SessionLimits } from "../../moq/session/index.ts";

export const LIMITS: ModelLimits = {
  broadcasts: 100,
  tracksPerBroadcast: 10,
  frameBytes: 1_000_000,
  groupBytes: 4_000_000,
  framesPerGroup: 1000,
  groupsPerTrack: 50,
  waitingSubscriptions: 10,
  subscribeWaitMs: 10_000,
  trackLingerMs: 2000,
};

export const CACHE: CacheOptions = { bytes: 64 * 1024 * 1024, policy: "oldest", maxAgeMs: 60_000 };

export const SESSION_LIMITS: SessionLimits = {
  announcementsPerSession: 1000,
  announceStreamsPerSession: 8,
  subscriptionsPerSession: 100,
  fetchesPerSession: 10,
  pendingStreamsPerSession: 100,
  groupsPerSession: 256,
  unansweredPerViewer: 100,
  sessionQueueMark: 256 * 1024,
  sessionQueueBytes: 1024 * 1024,
  headerTimeoutMs: 5000,
  pathBytes: 1024,
  trackNameBytes: 256,
  frameBytes: 1_000_000,
};

/** Properties of every track that a simulated publisher has. */
export const INFO: TrackInfo = { priority: 3, ordered: false, maxLatency: 10_000, timescale: 1000 };

export const TRACK = "video/hd";
export const LIVE: SubscribeOptions = { priority: 1, ordered: false, maxLatency: 5000 };

/** Times of a mesh whose configuration says nothing about them, in milliseconds. */
export const LEASE_MS = 10_000;
export const LINGER_MS = 10_000;
export const TIMES = { leaseMs: LEASE_MS, holdMs: 5_000, lingerMs: LINGER_MS, rampMs: 30_000, returnMs: 10_000 };

/** Milliseconds of silence after which a relay whose media flows is probed. */
export const PROBE_AFTER_MS = 50;

export const MESH_BOUNDS: MeshLimits = { scopes: 1_000, nodes: 1_000, holdings: 100_000 };

/** Milliseconds of silence after which a link to a client is over. */
export const IDLE_MS = 10_000;

/** Of links between relays, and of links to clients. */
export const PEER_LINK: LinkLimits = {
  uniStreams: 1_000,
  bidiStreams: 256,
  idleTimeoutMs: 600,
  keepAliveMs: 150,
  queueMark: 1_000_000,
};
export const CLIENT_LINK: LinkLimits = { ...PEER_LINK, idleTimeoutMs: IDLE_MS, keepAliveMs: 2_000 };
