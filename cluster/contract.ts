/**
 * Words that the rooms of the mesh share. Nothing under `cluster/` does I/O or reads a clock, but for the registry's
 * backends (`cluster/registry/`) and discovery (`cluster/links/`), which are handed theirs.
 */
import type { Source } from "../moq/model/index.ts";

/** What a relay does in the mesh. Any relay may also be a root. */
export const ROLES = ["origin", "regional", "edge", "root"] as const;
export type Role = (typeof ROLES)[number];

/** Roles of relays that carry media. */
export const MEDIA_ROLES = ROLES.filter((role) => role !== "root");

/** A node's name: one path segment, so that it can end a path. */
export const NODE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** URLs at which relays dial each other. Text that matches may still be no valid URL. */
export const DIALLED = /^(https|wss|ws|moql):\/\/[^/?#\s]+(\/[^?#\s]*)?$/;

/** A relay as the mesh knows it. It changes when the relay restarts, moves or drains; what changes all the time is in its load. */
export interface NodeInfo {
  /** As {@link NODE_NAME}; unique in the mesh. */
  readonly node: string;
  /** Its id in the hops of announcements, new at each start; 0 while the relay is known from the configuration alone. */
  readonly hop: bigint;
  readonly role: Role;
  /** Free text, compared for equality; may be empty. */
  readonly region: string;
  /** The region through whose regionals its region pulls; absent: through none, or not known. */
  readonly parent?: string;
  /** The URL at which other relays dial it. */
  readonly url: string;
  /** IP address to dial in place of the URL's host, which still names the relay and its certificate. Of relays found by DNS. */
  readonly address?: string;
  /** The URL to which viewers are redirected. */
  readonly publicUrl: string;
  /** The relay is about to end: no relay or viewer goes there any more, and those that are there leave. */
  readonly draining: boolean;
  /** It is near its bounds: others take from it what they take, and take nothing new from it while another relay can serve. Absent: it is not. */
  readonly busy?: boolean;
  /** Milliseconds since 1970 of its start. Of two starts with one name, the later one has the name. */
  readonly startedAt: number;
  /** The version of its program, at most {@link MAX_VERSION} characters. Absent where it is not known. */
  readonly version?: string;
}

/** Longest version of a program, in characters. */
export const MAX_VERSION = 64;

/** A broadcast that one relay holds first-hand: from a publisher, not from another relay of the mesh. */
export interface Holding {
  readonly path: string;
  /** Name of the relay. */
  readonly node: string;
  /** Generation of the content. The highest of a path wins; equal epochs are equal content. Never 0. */
  readonly epoch: bigint;
  /** Hop ids from the publisher up to that relay, its own included. */
  readonly hops: readonly bigint[];
  /** Cost of the publisher's route, plus the cost configured at the relay; lower is better. */
  readonly cost: number;
  /** Complete content that is only fetched. */
  readonly ended: boolean;
  /** As `Advertisement` has them: the holder serves the paths below as well, and the route's cold cost, with the cost configured at the relay. */
  readonly covers?: (path: string) => boolean;
  readonly coldCost?: number;
}

/** What a relay asks a root for. */
export type Scope =
  /** Every relay of the mesh. */
  | { readonly kind: "nodes" }
  /** Holdings of all broadcasts at or under a prefix of whole segments. */
  | { readonly kind: "under"; readonly prefix: string }
  /** Holdings of one broadcast. */
  | { readonly kind: "exact"; readonly path: string }
  /** Other relays' holdings of the paths that the asking relay holds. One scope for all its paths. */
  | { readonly kind: "rivals" };

/** Scopes of certain paths. */
export type BroadcastScope = Extract<Scope, { kind: "under" | "exact" }>;

/** What each session adds to the cost of an announcement (moq-lite Cost parameter). The mesh subtracts it again. */
export const SESSION_COST = 1;

/** Cost of taking a broadcast from another relay, so that a publisher at this relay is preferred. */
export const RELAY_COST = 1;

/**
 * Close code of a control session whose relay leaves the mesh on purpose: the root removes the relay with all its holdings. Withdrawals
 * sent just before may be lost with the session; the code is not. Application codes begin at 64.
 */
export const CLOSE_LEAVING = 72;

/** One key for each different scope. */
export function scopeKey(scope: Scope): string {
  switch (scope.kind) {
    case "nodes":
    case "rivals":
      return scope.kind;
    case "under":
      return `under/${scope.prefix}`;
    case "exact":
      return `exact/${scope.path}`;
  }
}

/** Receives a root's answer for a scope. */
export interface ScopeSink {
  /** New, or changed. */
  node(info: NodeInfo): void;
  nodeGone(node: string): void;
  /** New, or changed. */
  holding(holding: Holding): void;
  holdingGone(path: string, node: string): void;
  /** The root has announced everything in the scope. Called again by each root that takes its place. */
  complete(): void;
}

/** How a relay registers with the roots and asks them. */
export interface Registrar {
  /** This relay has the broadcast first-hand. Called again when the holding changes. */
  hold(holding: Holding): void;
  release(path: string): void;
  ask(scope: Scope, sink: ScopeSink): () => void;
}

/**
 * A user of the link to a node. The link is dialled, and dialled again with back-off, while it has users. These methods are never called
 * from inside `use`.
 */
export interface PeerUser {
  /** The link is up; `source` subscribes at the peer. */
  up(source: Source): void;
  /** The link is lost, or could not be opened. `up` may be called again. */
  down(): void;
  /** The peer asked us to leave: nothing new may be opened there; running tracks continue for a while. */
  leaving(): void;
  /** A second link is up, which later users get; the first one ends soon. */
  renewed?(): void;
  /** The link is up and the peer is silent. It may answer again, and the link may be lost. */
  suspected?(): void;
  /** It only keeps the link open: see `WarmLinks`. */
  readonly waits?: boolean;
}

/** Links to other relays, by the name of the node. */
export interface Peers {
  /** Returns a release. */
  use(node: string, user: PeerUser): () => void;
  /** False for a node that is suspected or cannot be reached now. */
  usable(node: string): boolean;
  /** False for a node that is silent or cannot be reached now. True for one that was silent until lately. */
  answers(node: string): boolean;
}

/** A revocation that one relay made and that all obey. The mesh carries its text and does not read it. */
export interface MeshRevocation {
  /** Name of the relay where it was made. */
  readonly node: string;
  /** When it expires, in seconds since 1970; 0 for never. */
  readonly until: number;
  /** Letters, digits, `-` and `_`, at most {@link MAX_REVOCATION_TEXT}. */
  readonly text: string;
}

/** Longest text of a revocation, in characters: with the name of its relay it fits into a path. */
export const MAX_REVOCATION_TEXT = 900;

/** How busy a relay is. It changes all the time, so relays report it to roots only. */
export interface NodeLoad {
  readonly sessions: number;
  readonly subscriptions: number;
  /** Absent where the relay's version does not report it. */
  readonly traffic?: NodeTraffic;
  /** How near it is to its bounds, of sessions, egress and CPU the highest; 1 is full. Absent where its version does not report it. */
  readonly fullness?: number;
  /** Of the links to the relays that it takes media from, at most {@link MAX_LOAD_LINKS}. */
  readonly links?: readonly LoadLink[];
}

/** What passes through a relay. Bits are of payload and include what it takes from, and passes on to, other relays. */
export interface NodeTraffic {
  /** Sessions of clients with a subscription. */
  readonly viewers: number;
  /** Broadcasts that are published there. */
  readonly broadcasts: number;
  /** Bits a second. */
  readonly bitsIn: number;
  readonly bitsOut: number;
  /** Groups that subscribers lost since the relay's start; not those that a subscriber stopped itself. */
  readonly dropped: number;
}

/** A link from a relay to one that it takes media from. */
export interface LoadLink {
  readonly node: string;
  /** Milliseconds of its round trip, where the engine knows it. */
  readonly rttMs?: number;
}

/** Most links in a report: with names of usual length, the report fits into a path. */
export const MAX_LOAD_LINKS = 16;
