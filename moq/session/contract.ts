/**
 * A session: one link, one negotiated version. A viewer, a publisher and another relay differ by what they ask
 * for and by their {@link Access}, not by kind.
 */
import type { Clock } from "../clock.ts";
import type { LinkInfo } from "../link.ts";
import type { Advertisement, Broadcasts, Publication, Route, Source } from "../model/index.ts";
import type { Reason } from "../reason.ts";
import type { ChannelRegistry } from "./channels.ts";

/** What a session may do. Paths are absolute, root included. */
export interface Access {
  /** Every path on the wire is under it; empty for none. */
  readonly root: string;
  mayPublish(path: string): boolean;
  maySubscribe(path: string): boolean;
  /** The parts of a prefix that it may watch, as prefixes; what lies elsewhere is not looked for on its behalf. */
  watchable(prefix: string): readonly string[];
  /** The parts of a prefix, as prefixes, that hold everything it may watch; absent: the prefix. The rest is not looked through. */
  listable?(prefix: string): readonly string[];
}

/** Everything under `root`, both ways. */
export function openAccess(root: string): Access {
  return { root, mayPublish: () => true, maySubscribe: () => true, watchable: (prefix) => [prefix] };
}

/** What several sessions have together. What is refused gets reason `limit`. */
export interface Quota {
  /** Counts a broadcast, or a subscription, until the returned function is called; nothing when there are too many. */
  take(what: "broadcasts" | "subscriptions"): (() => void) | undefined;
  /** Whether another group may begin to come from the peer, or to go to it. */
  free(way: "ingress" | "egress"): boolean;
}

/** Bounds of one session; each is counted and refused with reason `limit`. */
export interface SessionLimits {
  /** Broadcasts announced by the peer, and to it, each. */
  readonly announcementsPerSession: number;
  /** Announce streams that the peer has open. */
  readonly announceStreamsPerSession: number;
  /** Subscriptions of the peer, TRACK requests that are unanswered included. */
  readonly subscriptionsPerSession: number;
  readonly fetchesPerSession: number;
  /** Requests that the peer may have open, where that is more than the link begins with; absent: what that is. */
  readonly requests?: number;
  /** Requests of ours that wait until the peer allows another stream. */
  readonly pendingStreamsPerSession: number;
  /** Requests of this peer that one publisher may leave unanswered; those beyond wait for their turn. */
  readonly unansweredPerViewer: number;
  /** Milliseconds for the peer to answer a request of ours; absent: who asks has a limit of its own. */
  readonly requestTimeoutMs?: number;
  /** Groups that may be under way to the peer at once; its subscriptions share them. */
  readonly groupsPerSession: number;
  /** Bytes queued for the peer at which old groups are given up. */
  readonly sessionQueueMark: number;
  /** Bytes queued for the peer at which the session ends. */
  readonly sessionQueueBytes: number;
  /** Milliseconds for a stream's first message to be complete. */
  readonly headerTimeoutMs: number;
  readonly pathBytes: number;
  readonly trackNameBytes: number;
  readonly frameBytes: number;
}

/** A broadcast as announcements know it. */
export interface Announced {
  readonly path: string;
  /** The best route that is not through the hop `exclude` (0 excludes nothing) and not by `source`. */
  route(exclude?: bigint, source?: Source): Route | undefined;
}

/** Told of what an {@link AnnounceTable} has under a prefix. */
export interface AnnounceWatcher {
  changed(broadcast: Announced): void;
  /**
   * Called at most once, possibly from inside `watch`: everything that there is under the prefix, elsewhere in the mesh included, is in
   * the table by now. Not called where no other relay can be asked.
   */
  complete?(): void;
}

/** Where announcements come from and go to. The model's {@link Broadcasts} is one; the registry of a mesh is another. */
export interface AnnounceTable {
  /** Those at or under `prefix` that have a route. */
  list(prefix: string): Iterable<Announced>;
  /** Tells of every change under `prefix` until the returned function is called; `interests` as `Broadcasts.watch` has them. */
  watch(prefix: string, watcher: AnnounceWatcher, interests?: readonly string[]): () => void;
  publish(path: string, advertisement: Advertisement, source: Source): Publication | Reason;
  /** The peer refused its announcements, or ended them before the session. Called before what it announced is withdrawn. */
  cut?(reason: Reason): void;
  /** What was refused with `limit` may be published again when `callback` is called. Absent: it never may. Returns a cancel. */
  whenRoom?(callback: () => void): () => void;
}

/** Announcements that are asked for besides those of the session's start. */
export interface Following {
  /** Takes back what was announced, and asks no more. */
  stop(): void;
  /**
   * Settles when what there was has been announced, or it is clear that nothing comes. True when the peer knew all of it, in its mesh
   * as well; false when it did not, or cannot say.
   */
  readonly complete: Promise<boolean>;
}

/** What a session is built from. */
export interface SessionDeps {
  readonly broadcasts: Broadcasts;
  /** Announced from and into; `broadcasts` when absent. */
  readonly table?: AnnounceTable;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly channels: ChannelRegistry;
  /** Our hop id, not 0 (moq-lite ANNOUNCE_OK). */
  readonly hop: bigint;
  readonly access: Access;
  /** Absent: it shares no bound with others. */
  readonly quota?: Quota;
  /** Prefix, relative to the root, of the announcements that we ask the peer for; absent: none. */
  readonly announcePrefix?: string;
  /** The peer is a relay of the mesh, which takes the same content from several: see `ownNumbers` of `Subscriber`. */
  readonly ownNumbers?: boolean;
  /** The peer told its hop id (moq-lite Origin parameter). */
  readonly identified?: (hop: bigint) => void;
  /** The peer asked us to leave, for another place where it named one; empty where it did not. */
  readonly leaving?: (uri: string) => void;
  /** A broadcast of the peer is not taken in; called for the first one of each of its announce streams. */
  readonly refused?: (path: string, reason: Reason) => void;
  /** A defect: something threw that should not have. The session is closed by then. */
  readonly defect: (error: unknown) => void;
  /** The one report at the end. */
  readonly closed: (report: SessionReport) => void;
}

/** How a session ended, for one line of the log. No credential is in it. */
export interface SessionReport {
  readonly info: LinkInfo;
  readonly durationMs: number;
  /** Stable name: a {@link import("../reason.ts").Reason}, `remote`, `local`, `timeout` or `error`. */
  readonly reason: string;
  readonly code: number;
  /** What the peer or we said about it; may be empty. */
  readonly message: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Over the session's life. */
  readonly subscriptions: number;
  readonly broadcasts: number;
  readonly groupsSent: number;
  readonly groupsReceived: number;
}

/** Counted over a session's life, for its report. */
export interface SessionTotals {
  subscriptions: number;
  broadcasts: number;
  groupsSent: number;
  groupsReceived: number;
}

export interface Session {
  readonly info: LinkInfo;
  /** The peer as a place to subscribe at. */
  readonly source: Source;
  /** Settles when the peer's first announcements are in, or it is clear that there are none; as {@link Following.complete}. */
  readonly announced: Promise<boolean>;
  /** Asks for announcements under `prefix`, relative to the root; they go to `table`. */
  follow(prefix: string, table: AnnounceTable): Following;
  /** Bytes so far: of the peer's groups as far as they were taken, and all that was sent to it. */
  traffic(): { readonly ingress: number; readonly egress: number };
  /** Groups that were held back may go now. */
  retry(): void;
  /** Tells the peer to leave for `uri`, or just to leave when it is empty; does nothing where the version cannot. */
  goaway(uri: string): void;
  close(code: number, message: string): void;
  /** Closes with the code of `reason`, which the report then names. */
  end(reason: Reason, message: string): void;
}
