import type { LinkLimits } from "../../moq/link.ts";
import type { ModelLimits } from "../../moq/model/index.ts";
import type { SessionLimits } from "../../moq/session/index.ts";
import type { CertificateOptions, PemFiles } from "../../transport/tls/index.ts";
import { type Config, PEM_PAIR } from "../config/index.ts";

/** The parts of a configuration as the rooms below take them. */
export function modelLimits({ limits }: Config): ModelLimits {
  return {
    broadcasts: limits.broadcasts,
    tracksPerBroadcast: limits.tracksPerBroadcast,
    frameBytes: limits.frameBytes,
    groupBytes: limits.groupBytes,
    framesPerGroup: limits.framesPerGroup,
    groupsPerTrack: limits.groupsPerTrack,
    waitingSubscriptions: limits.waitingSubscriptions,
    subscribeWaitMs: limits.subscribeWait,
    trackLingerMs: limits.trackLinger,
  };
}

export function sessionLimits({ limits }: Config): SessionLimits {
  return {
    announcements: limits.announcementsPerSession,
    announceStreams: limits.announceStreamsPerSession,
    subscriptions: limits.subscriptionsPerSession,
    fetches: limits.fetchesPerSession,
    pendingStreams: limits.pendingStreamsPerSession,
    unanswered: limits.unansweredPerViewer,
    requestTimeoutMs: limits.requestTimeout,
    groups: limits.groupsPerSession,
    queueMark: limits.sessionQueueMark,
    queueBytes: limits.sessionQueueBytes,
    headerTimeoutMs: limits.headerTimeout,
    pathBytes: limits.pathBytes,
    trackNameBytes: limits.trackNameBytes,
    frameBytes: limits.frameBytes,
  };
}

/** Those of `next`, but for what other parts of a relay that runs go by as well. */
export function liveLimits(running: Config, next: Config): SessionLimits {
  const { queueMark, pathBytes, trackNameBytes, frameBytes } = sessionLimits(running);
  return { ...sessionLimits(next), queueMark, pathBytes, trackNameBytes, frameBytes };
}

export function linkLimits({ limits }: Config): LinkLimits {
  return {
    uniStreams: limits.uniStreams,
    bidiStreams: limits.bidiStreams,
    idleTimeoutMs: limits.idleTimeout,
    keepAliveMs: limits.keepAlive,
    queueMark: limits.sessionQueueMark,
  };
}

/** Files of the certificate and of further ones, that one first. */
export function pemPairs({ tls }: Pick<Config, "tls">): PemFiles[] {
  const { cert, key, certificates } = tls;
  const further = certificates.map((one) => {
    const { cert: chain = "", key: own = "" } = PEM_PAIR.exec(one)?.groups ?? {};
    return { cert: chain, key: own };
  });
  return cert !== undefined && key !== undefined ? [{ cert, key }, ...further] : further;
}

export function certificateOptions({ tls }: Config, wallNow: () => number): CertificateOptions {
  const { cert, stateDir, hosts } = tls;
  const pairs = pemPairs({ tls });
  const files = cert === undefined ? undefined : pairs[0];
  const further = files === undefined ? pairs : pairs.slice(1);
  return { ...(files && { files }), further, stateDir, hosts, wallNow };
}
