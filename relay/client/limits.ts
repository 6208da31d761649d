import type { ModelLimits } from "../../moq/model/index.ts";
import type { SessionLimits } from "../../moq/session/index.ts";

const MIB = 2 ** 20;

/** Bounds on the data that a relay can make a client keep. */
export const MODEL_LIMITS: ModelLimits = {
  broadcasts: 1_000_000,
  tracksPerBroadcast: 16,
  frameBytes: 64 * MIB,
  groupBytes: 256 * MIB,
  framesPerGroup: 65_536,
  groupsPerTrack: 1,
  waitingSubscriptions: 16,
  subscribeWaitMs: 0,
  trackLingerMs: 0,
};

export const SESSION_LIMITS: SessionLimits = {
  announcementsPerSession: MODEL_LIMITS.broadcasts,
  announceStreamsPerSession: 16,
  subscriptionsPerSession: 16,
  fetchesPerSession: 16,
  pendingStreamsPerSession: 64,
  groupsPerSession: 256,
  unansweredPerViewer: 64,
  sessionQueueMark: 4 * MIB,
  sessionQueueBytes: 16 * MIB,
  headerTimeoutMs: 10_000,
  pathBytes: 4_096,
  trackNameBytes: 4_096,
  frameBytes: MODEL_LIMITS.frameBytes,
};
