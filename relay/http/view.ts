import type { Counters } from "../../moq/counters.ts";
import { gauge, metricGroup, type Readings } from "../../moq/metrics.ts";

/** The life of a relay; it only goes forward. */
export type RelayState = "starting" | "ready" | "draining" | "closed";

/** Sessions that run now on one engine in one protocol version; both are closed sets, so they serve as labels. */
export interface SessionCount {
  readonly engine: string;
  readonly protocol: string;
  readonly count: number;
}

/** A relay as a root knows it. */
export interface ClusterNode {
  readonly node: string;
  readonly role: string;
  readonly region: string;
  readonly url: string;
  readonly draining: boolean;
  /** False: it is remembered until its lease ends. */
  readonly present: boolean;
  readonly sessions?: number;
  readonly subscriptions?: number;
}

/** A broadcast as a root knows it. */
export interface ClusterBroadcast {
  readonly path: string;
  /** Names of relays that have it first-hand. */
  readonly holders: readonly string[];
}

/** A relay's part in its mesh. */
export interface ClusterView {
  readonly node: string;
  readonly role: string;
  readonly region: string;
  readonly roots: { readonly configured: number; readonly connected: number };
  /** Other relays that are known. */
  readonly nodes: number;
  /** Broadcasts had from other relays, and those registered as published here. */
  readonly broadcasts: { readonly remote: number; readonly registered: number };
  /** Prefixes and paths asked for. */
  readonly scopes: number;
  /** Relays that are asked because no root can be, and prefixes that each is asked for, together. */
  readonly tiers: { readonly relays: number; readonly asks: number };
  /** Names of relays that this one has links to, for media. */
  readonly upstreams: readonly string[];
  readonly failovers: number;
  readonly splices: number;
  readonly groupsResumed: number;
  readonly groupsLost: number;
  /** Other relays that were found to have this relay's name. */
  readonly namesakes: number;
  /** Only of a root. */
  readonly registry:
    | {
        readonly counts: { readonly nodes: number; readonly broadcasts: number; readonly holdings: number };
        /** Names that more than one relay had at once. */
        readonly contested: number;
        /** Where it is kept; `up` is false while a backend cannot be reached. */
        readonly backend: { readonly kind: "memory" | "redis"; readonly up: boolean };
        nodes(): Iterable<ClusterNode>;
        broadcasts(prefix: string): Iterable<ClusterBroadcast>;
      }
    | undefined;
}

/** What the admin endpoints may know of a relay. Read-only, and cheap: every member is read at every scrape. */
export interface RelayView {
  readonly version: string;
  /** Name of the QUIC engine in use; empty while starting. */
  readonly engine: string;
  readonly counters: Counters;
  state(): RelayState;
  /** Why the relay is not ready, as stable names; empty exactly when it is. */
  reasons(): readonly string[];
  sessions(): readonly SessionCount[];
  /** Milliseconds since the start. */
  uptimeMs(): number;
  /** Nothing until it is loaded. */
  certificate(): { readonly fingerprint: string; readonly notAfter: Date; readonly selfSigned: boolean } | undefined;
  /** Nothing for a relay that is in no mesh. */
  cluster(): ClusterView | undefined;
}

/** Metrics of a relay as a whole, read from its view. */
export const RELAY_METRICS = metricGroup("Relay", {
  ready: gauge("ready", "1 while the relay accepts sessions, else 0."),
  uptime: gauge("uptime_seconds", "Seconds since the start."),
  build: gauge("build_info", "Always 1. The labels say what runs.", {
    version: "The version of the program.",
    engine: "The QUIC engine in use; empty while the relay starts.",
  }),
  certificate: gauge(
    "certificate_expiry_timestamp_seconds",
    "End of the certificate's validity, in seconds since 1970; 0 before the relay has loaded it.",
  ),
  sessions: gauge("sessions", "Sessions that are open now, by engine and protocol version.", {
    engine: "The engine that carries the session: a QUIC engine, or `qmux` for WebSocket.",
    protocol: "The protocol version that the session speaks.",
  }),
});

export function relayReadings(view: RelayView): Readings<keyof typeof RELAY_METRICS.metrics> {
  return {
    ready: Number(view.reasons().length === 0),
    uptime: view.uptimeMs() / 1000,
    build: [[{ version: view.version, engine: view.engine }, 1]],
    certificate: (view.certificate()?.notAfter.getTime() ?? 0) / 1000,
    sessions: view.sessions().map(({ engine, protocol, count }) => [{ engine, protocol }, count]),
  };
}
