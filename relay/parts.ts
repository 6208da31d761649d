import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { readRegularFile } from "../auth/index.ts";
import type { Clock } from "../moq/clock.ts";
import { Counters } from "../moq/counters.ts";
import { Broadcasts } from "../moq/model/index.ts";
import { ChannelRegistry } from "../moq/session/index.ts";
import type { Proxies } from "../transport/proxied/index.ts";
import { systemClock } from "../transport/shared/index.ts";
import type { Config } from "./config/index.ts";
import { OwnSessions } from "./health/index.ts";
import {
  AUTH_METRICS,
  AuthGate,
  type AuthGateDeps,
  alignedClock,
  ClusterPlane,
  clientSessionPolicy,
  Defects,
  Descriptors,
  openProxies,
  SessionHost,
  SlowLog,
} from "./host/index.ts";
import {
  LOG_METRICS,
  type Logger,
  LogLevels,
  type OpenedLog,
  openLog,
  parseModuleLevels,
  SAMPLING_METRICS,
} from "./log/index.ts";
import type { MeshRuntime } from "./mesh/index.ts";
import { METRICS } from "./metrics.ts";
import { HANDSHAKE_METRICS, type HandshakeBounds, HandshakeRate } from "./pressure/index.ts";
import type { StartOptions } from "./relay.ts";
import { WEBHOOK_METRICS, Webhooks } from "./webhooks/index.ts";

/** The parts of a relay that exist before it opens a file or a socket. */
export interface RelayParts {
  readonly clock: Clock;
  /** For work in the background that may be a quarter of a second late. */
  readonly upkeep: Clock;
  readonly wallNow: () => number;
  readonly log: Logger;
  readonly levels: LogLevels;
  /** Bounds lines of one kind; absent where the owner of the log does not. */
  readonly sampling: OpenedLog["sampling"] | undefined;
  readonly warn: (message: string, error?: unknown) => void;
  readonly counters: Counters;
  readonly defects: Defects;
  readonly channels: ChannelRegistry;
  /** This relay's id in the hops of announcements. */
  readonly hop: bigint;
  readonly broadcasts: Broadcasts;
  /** Viewers that lost groups lately. */
  readonly slow: SlowLog;
  readonly gate: AuthGate;
  /** Which sessions may have the powers of a relay. */
  readonly clusterPlane: ClusterPlane;
  readonly handshakes: HandshakeRate;
  readonly proxies: Proxies;
  readonly descriptors: Descriptors;
  /** The relay's end of its sessions with itself. */
  readonly ownSessions: OwnSessions;
  /** Sends nothing until it is configured. */
  readonly webhooks: Webhooks;
  readonly host: SessionHost;
}

/** Parts that are made later than the others, or never. */
export interface LaterParts {
  readonly mesh: () => MeshRuntime | undefined;
  readonly pressure: () => { readonly refusing: boolean } | undefined;
}

/** Makes the parts. `mesh` is called for each session, because the mesh is opened later or never. */
export function makeParts(config: Config, options: StartOptions, later: LaterParts): RelayParts {
  const { mesh, pressure } = later;
  const { clock = systemClock, wallNow = Date.now } = options;
  const { log, output, sampling }: Partial<OpenedLog> & Pick<OpenedLog, "log"> =
    options.log === undefined ? openLog(config.log) : { log: options.log, ...options.logParts };
  const upkeep = alignedClock(clock);
  const levels = new LogLevels(log, logLevels(config));
  const warn = (message: string, err?: unknown) => log.warn(err === undefined ? {} : { err }, message);
  const counters = new Counters();
  const defects = new Defects({ log, clock, counters });
  const slow = new SlowLog({ ...slowBounds(config), wallNow });
  const broadcasts = new Broadcasts({
    lost: (loss) => slow.lost(loss),
    clock,
    limits: config.limits,
    cache: config.cache,
    counters,
    series: config.http.metricSeries,
    policies: config.policies.list,
    refused: (track) => host.refusedTrack(track),
  });
  const [channels, hop] = [new ChannelRegistry(), randomHop()];
  const clusterPlane = new ClusterPlane(config.cluster);
  const gate = new AuthGate({
    config,
    cluster: clusterPlane,
    clock,
    wallNow,
    warn,
    changed: () => host.recheck(),
    defect: (error) => defects.report("while deciding on a token of a request", error),
    ...gateOfMesh(mesh),
  });
  const ownSessions = new OwnSessions({
    clock,
    channels,
    hop,
    defect: (error) => defects.report("in a session of the relay with itself", error),
  });
  const webhooks = new Webhooks({
    node: config.cluster.node ?? hostname(),
    clock,
    wallNow,
    log: levels.module("webhooks"),
    readSecret,
  });
  const host: SessionHost = new SessionHost({
    gate,
    ownSession: (info) => ownSessions.take(info),
    channels,
    hop,
    policyOf: (info, admission) => mesh()?.sessionPolicy(info, admission) ?? clientSessionPolicy(admission),
    wallNow,
    tenantSeries: config.http.metricSeries,
    events: webhooks,
    shortOfMemory: () => pressure()?.refusing ?? false,
    broadcasts,
    clock,
    log: levels.module("sessions"),
    defects,
    ...hostBounds(config),
  });
  const handshakes = new HandshakeRate(clock, handshakeBounds(config));
  attachMetrics({ counters, output, sampling, handshakes, webhooks, gate });
  return {
    clock,
    upkeep,
    wallNow,
    log,
    levels,
    sampling,
    warn,
    counters,
    defects,
    channels,
    hop,
    broadcasts,
    slow,
    gate,
    clusterPlane,
    handshakes,
    proxies: openProxies(config, { clock, counters, log }),
    descriptors: new Descriptors({ clock: upkeep, log, counters }),
    ownSessions,
    webhooks,
    host,
  };
}

function attachMetrics(
  parts: Pick<RelayParts, "counters" | "sampling" | "handshakes" | "webhooks" | "gate"> & {
    readonly output: OpenedLog["output"] | undefined;
  },
): void {
  const { counters, output, sampling, handshakes, webhooks, gate } = parts;
  counters.declare(METRICS);
  counters.attach(LOG_METRICS, () => output);
  counters.attach(SAMPLING_METRICS, () => sampling);
  counters.attach(HANDSHAKE_METRICS, () => handshakes);
  counters.attach(WEBHOOK_METRICS, () => webhooks.metrics);
  counters.attach(AUTH_METRICS, () => gate.metrics);
}

/** What the mesh learns from the gate, and gives it. */
function gateOfMesh(mesh: LaterParts["mesh"]): Pick<AuthGateDeps, "ownRevocation" | "division"> {
  return { ownRevocation: (entry, inForce) => mesh()?.revoked(entry, inForce), division: () => mesh()?.tenants };
}

/** Longest file of a secret, in bytes. */
const MAX_SECRET_BYTES = 4_096;

async function readSecret(file: string): Promise<string> {
  return (await readRegularFile(file, MAX_SECRET_BYTES)).text;
}

/** Levels of the log. */
export function logLevels({ log: { level, modules } }: Config): ConstructorParameters<typeof LogLevels>[1] {
  return { level, modules: parseModuleLevels(modules) };
}

/** The bound on handshakes that begin in a second. */
export function handshakeBounds({ limits }: Config): HandshakeBounds {
  return { perSecond: limits.handshakeRate, burst: limits.handshakeBurst };
}

/** Which viewers are listed as slow. */
export function slowBounds({ log }: Config): Parameters<SlowLog["configure"]>[0] {
  return { threshold: log.slowGroups, length: log.slowLength };
}

/** Bounds of new sessions. */
export function hostBounds({ limits, auth }: Config): Parameters<SessionHost["reconfigure"]>[0] {
  const { expiryNoticeMs } = auth;
  return { limits, maxSessions: limits.sessions, handshakeTimeoutMs: limits.handshakeTimeoutMs, expiryNoticeMs };
}

/** A random hop id: new at each start, so that a restarted relay is another hop; 53 bits, so that it fits the number type of every peer; never 0. */
function randomHop(): bigint {
  return (randomBytes(8).readBigUInt64BE() & ((1n << 53n) - 1n)) | 1n;
}
