import type { Counters } from "../../moq/counters.ts";
import type { PortStats } from "./port.ts";

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
        /** What was written to the backend, failed, was read there and is not ours, and the last comparison's milliseconds. */
        readonly sharing: {
          readonly writes: number;
          readonly errors: number;
          readonly strange: number;
          readonly reconcileMs: number;
        };
        nodes(): Iterable<ClusterNode>;
        broadcasts(prefix: string): Iterable<ClusterBroadcast>;
      }
    | undefined;
}

/** What tokens are judged by. */
export interface AuthView {
  /** Keys in use, and entries revoked. */
  readonly keys: number;
  readonly revocations: number;
  /** Times that a file or folder of either could not be read or used. */
  readonly fileFailures: number;
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
  /** Lines of the log that could not be written. */
  logLinesLost(): number;
  /** Nothing until it is loaded. */
  certificate(): { readonly fingerprint: string; readonly notAfter: Date; readonly selfSigned: boolean } | undefined;
  /** Nothing for a relay that is in no mesh. */
  cluster(): ClusterView | undefined;
  auth(): AuthView;
  /** The public TCP port; nothing until it is open. */
  http(): PortStats | undefined;
}
