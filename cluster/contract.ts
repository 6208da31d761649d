/**
 * Words that the rooms of the mesh share. Nothing under `cluster/` does I/O or reads a clock, but for the registry's
 * backends (`cluster/registry/`) and discovery (`cluster/links/`), which are handed theirs.
 */
import type { Source } from "../moq/model/index.ts";

/** What a relay does in the mesh. Any relay may serve as root besides. */
export const ROLES = ["origin", "regional", "edge", "root"] as const;
export type Role = (typeof ROLES)[number];

/** Roles of relays that carry media. */
export const MEDIA_ROLES = ROLES.filter((role) => role !== "root");

/** A node's name: one path segment, so that it can end a path. */
export const NODE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** URLs that relays dial each other at. Words of another relay may fit it and still be no URL. */
export const DIALLED = /^(https|wss|ws|moql):\/\/[^/?#\s]+(\/[^?#\s]*)?$/;

/** A relay as the mesh knows it. It changes when the relay restarts, moves or drains; what moves faster is its load. */
export interface NodeInfo {
  /** As {@link NODE_NAME}; unique in the mesh. */
  readonly node: string;
  /** Its id in the hops of announcements, new at each start; 0 while it is known by configuration only. */
  readonly hop: bigint;
  readonly role: Role;
  /** Free text, compared for equality; may be empty. */
  readonly region: string;
  /** Where other relays dial it. */
  readonly url: string;
  /** IP address to dial instead of what the URL's host resolves to, which names it and its certificate all the same. Of relays found by DNS. */
  readonly address?: string;
  /** Where its viewers connect to, for those who are sent to it. */
  readonly publicUrl: string;
  /** It is about to end: nobody goes there anew, and who is there leaves. */
  readonly draining: boolean;
  /** Milliseconds since 1970 of its start: of two that claim one name the later one holds it. */
  readonly startedAt: number;
}

/** A broadcast that one relay has first-hand: from a publisher, not from another relay of the mesh. */
export interface Holding {
  readonly path: string;
  /** Name of the relay. */
  readonly node: string;
  /** Generation of the content: the highest of a path wins, equal ones are the same content. Never 0. */
  readonly epoch: bigint;
  /** Hop ids from the publisher up to that relay, its own included. */
  readonly hops: readonly bigint[];
  /** What the publisher's route costs, and the relay's own preference; lower is better. */
  readonly cost: number;
  /** Complete content that is only fetched. */
  readonly ended: boolean;
}

/** What a relay asks a root for. */
export type Scope =
  /** Every relay of the mesh. */
  | { readonly kind: "nodes" }
  /** Holdings of all broadcasts at or under a prefix of whole segments. */
  | { readonly kind: "under"; readonly prefix: string }
  /** Holdings of one broadcast. */
  | { readonly kind: "exact"; readonly path: string }
  /** Others' holdings of what the asking relay holds itself. One for all its paths. */
  | { readonly kind: "rivals" };

/** Those that are answered with holdings of certain paths. */
export type BroadcastScope = Extract<Scope, { kind: "under" | "exact" }>;

/** What being told of a broadcast over a session adds to its cost (moq-lite Cost parameter), which the mesh takes off again. */
export const SESSION_COST = 1;

/** Cost of taking a broadcast from another relay, so that what is published here is taken from here. */
export const RELAY_COST = 1;

/**
 * Close code of a control session whose relay leaves the mesh on purpose: what it has goes with it. What it retracts just before may
 * be lost with the session, and the code is not. Of the application's own, from 64 on.
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

/** What a root tells of the scopes that it was asked for. */
export interface ScopeSink {
  /** New, or changed. */
  node(info: NodeInfo): void;
  nodeGone(node: string): void;
  /** New, or changed. */
  holding(holding: Holding): void;
  holdingGone(path: string, node: string): void;
  /** Everything that was there has been told: by the root that was asked first, and by each that took its place. */
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
 * A user's hold on the link to a node: it is dialled when it is not there, and dialled again, with back-off, for as long
 * as somebody uses it. Calls never come from inside `use`.
 */
export interface PeerUser {
  /** The link is up; `source` is the peer as a place to subscribe at. */
  up(source: Source): void;
  /** It went, or could not be made. `up` may come again. */
  down(): void;
  /** The peer asked us to leave: nothing new may be opened there; what runs goes on for a while. */
  leaving(): void;
  /** There is a second link, which whoever uses the node from now on gets; the first one ends before long. */
  renewed?(): void;
}

/** Links to other relays, by the name of the node. */
export interface Peers {
  /** Returns a release. */
  use(node: string, user: PeerUser): () => void;
}
