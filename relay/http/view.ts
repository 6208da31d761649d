import type { Counters } from "../../moq/counters.ts";
import { gauge, metricGroup, type Readings } from "../../moq/metrics.ts";
import type { HealthReport } from "../health/index.ts";

/** The state of a relay. It goes back once at most, from `draining` to `ready`, when an operator takes a drain back. */
export type RelayState = "starting" | "ready" | "draining" | "closed";

/** Open sessions on one engine in one protocol version; both are closed sets, so they can be labels of metrics. */
export interface SessionCount {
  readonly engine: string;
  readonly protocol: string;
  readonly count: number;
}

/** A relay in the registry of a root. */
export interface ClusterNode {
  readonly node: string;
  readonly role: string;
  readonly region: string;
  readonly url: string;
  readonly draining: boolean;
  /** False: its session is lost; the root keeps it until its lease expires. */
  readonly present: boolean;
  /** Absent where it did not report it. */
  readonly version?: string;
  readonly sessions?: number;
  readonly subscriptions?: number;
  readonly traffic?: ClusterTraffic;
  /** Relays that it takes media from, and the round trip of each link in milliseconds. */
  readonly links?: readonly { readonly node: string; readonly rttMs?: number }[];
}

/** What passes through relays: the last report of one, or the sum over a region. */
export interface ClusterTraffic {
  /** Sessions of clients with a subscription. */
  readonly viewers: number;
  /** Published there. */
  readonly broadcasts: number;
  /** Payload in bits a second, with what relays take from each other. */
  readonly bitsIn: number;
  readonly bitsOut: number;
  /** Groups that subscribers lost since the start of each relay. */
  readonly dropped: number;
}

/** A region in the registry of a root: its relays whose session is there, and what they report. */
export interface ClusterRegion extends ClusterTraffic {
  readonly region: string;
  readonly relays: number;
  readonly sessions: number;
  readonly subscriptions: number;
  /** Relays that have not reported, or only what earlier versions report. */
  readonly silent: number;
}

/** A broadcast in the registry of a root. */
export interface ClusterBroadcast {
  readonly path: string;
  /** Names of the relays to which it is published. */
  readonly holders: readonly string[];
}

/** What a tenant uses at all relays of the mesh: counts, and bytes a second. */
export interface ClusterTenant {
  readonly tenant: string;
  /** Relays with sessions of it. */
  readonly relays: number;
  readonly use: ClusterTenantFigures;
  /** 0 is no bound. */
  readonly limit: ClusterTenantFigures;
}

export interface ClusterTenantFigures {
  readonly sessions: number;
  readonly broadcasts: number;
  readonly subscriptions: number;
  readonly ingress: number;
  readonly egress: number;
}

/** The mesh as one relay sees it. */
export interface ClusterView {
  readonly node: string;
  readonly role: string;
  readonly region: string;
  readonly roots: { readonly configured: number; readonly connected: number };
  /** Other relays that this one knows. */
  readonly nodes: number;
  /** Broadcasts of other relays, and those registered as published here. */
  readonly broadcasts: { readonly remote: number; readonly registered: number };
  /** Prefixes and paths that this relay asks for. */
  readonly scopes: number;
  /** Tenants of this relay whose limits hold over the mesh. */
  readonly tenants: number;
  /** Relays that this one asks because no root answers, and the sum of the prefixes that it asks each for. */
  readonly tiers: { readonly relays: number; readonly asks: number };
  /** Relays to which this one has links for media, and the round trip of each in milliseconds. */
  readonly upstreams: readonly { readonly node: string; readonly rttMs?: number }[];
  readonly failovers: number;
  readonly splices: number;
  readonly groupsResumed: number;
  readonly groupsLost: number;
  /** Other relays that use this relay's name. */
  readonly namesakes: number;
  /** Only on a root. */
  readonly registry:
    | {
        readonly counts: { readonly nodes: number; readonly broadcasts: number; readonly holdings: number };
        /** Names that more than one relay used at once. */
        readonly contested: number;
        /** Where the registry is stored; `up` is false while that cannot be reached. */
        readonly backend: { readonly kind: "memory" | "redis"; readonly up: boolean };
        nodes(): Iterable<ClusterNode>;
        /** By name. */
        regions(): readonly ClusterRegion[];
        broadcasts(prefix: string): Iterable<ClusterBroadcast>;
        /** Tenants with limits that hold over the mesh. */
        tenants(): Iterable<ClusterTenant>;
        readonly tenantCount: number;
      }
    | undefined;
}

/** A relay as the admin endpoints see it: read-only, and cheap, because every scrape reads every member. */
export interface RelayView {
  readonly version: string;
  /** Name of the QUIC engine in use; empty while starting. */
  readonly engine: string;
  readonly counters: Counters;
  state(): RelayState;
  /** Why the relay is not ready, as stable names; empty exactly when it is. */
  reasons(): readonly string[];
  /** What its checks last found. */
  health(): HealthReport;
  sessions(): readonly SessionCount[];
  /** Milliseconds since the start. */
  uptimeMs(): number;
  /** Undefined until it is loaded. */
  certificate(): { readonly fingerprint: string; readonly notAfter: Date; readonly selfSigned: boolean } | undefined;
  /** Undefined for a relay that is in no mesh. */
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
