import type { SessionLimits } from "../../moq/session/index.ts";

/**
 * Bounds of a session between relays. They are high because each relay already bounds what it carries: publishers where a broadcast
 * enters the mesh, viewers where it leaves.
 */
const MESH_ANNOUNCEMENTS = 2_000_000;
const MESH_ANNOUNCE_STREAMS = 16_384;
const MESH_SUBSCRIPTIONS = 65_536;
/** Each subscription, and each prefix or path that is asked for, is a request that stays open. */
const MESH_REQUESTS = MESH_SUBSCRIPTIONS + MESH_ANNOUNCE_STREAMS;
const MESH_PENDING_STREAMS = 16_384;
/** Factor on the bytes and groups in flight of a viewer: a link between relays carries many tracks. */
const MESH_QUEUE = 8;

/** Factor on the time that a publisher has to answer: the other relay's own limit comes first, and says why. */
const MESH_TIMEOUT = 2;

/** The limits of a session between relays; `limits` are those of a client's session. */
export function meshLimits(limits: SessionLimits): SessionLimits {
  const { requestTimeoutMs: timeout } = limits;
  return {
    ...limits,
    ...(timeout !== undefined && { requestTimeoutMs: timeout * MESH_TIMEOUT }),
    announcementsPerSession: MESH_ANNOUNCEMENTS,
    announceStreamsPerSession: MESH_ANNOUNCE_STREAMS,
    subscriptionsPerSession: MESH_SUBSCRIPTIONS,
    requests: MESH_REQUESTS,
    pendingStreamsPerSession: MESH_PENDING_STREAMS,
    groupsPerSession: limits.groupsPerSession * MESH_QUEUE,
    sessionQueueMark: limits.sessionQueueMark * MESH_QUEUE,
    sessionQueueBytes: limits.sessionQueueBytes * MESH_QUEUE,
  };
}
