/**
 * A session: one link, one negotiated version. A viewer, a publisher and another relay differ by what they ask
 * for and by their {@link Access}, not by kind.
 */
import type { Clock } from "../clock.ts";
import type { BoundName, EndReason, SessionEnd } from "../counters.ts";
import type { LinkInfo, LinkStats } from "../link.ts";
import type { Advertisement, Broadcasts, PeerName, Publication, Route, Source } from "../model/index.ts";
import type { Reason } from "../reason.ts";
import type { ChannelRegistry } from "./channels.ts";

/** What a peer asks for, as moq-transport names its messages. */
export type RequestAction =
  | "publish_namespace"
  | "subscribe_namespace"
  | "subscribe"
  | "request_update"
  | "publish"
  | "fetch"
  | "track_status";

/** A token that a peer presents in a message. `type` is of the registry "MOQT Auth Token Type". */
export interface PresentedToken {
  readonly type: number;
  readonly value: Uint8Array;
}

/** Why a presented token permits nothing. */
export interface TokenRefusal {
  readonly refused: "malformed" | "expired" | "unauthorized" | "internal";
  /** For the peer; it has nothing of the token. */
  readonly message: string;
}

/** What a presented token permits, in place of what the session may do. */
export interface PresentedAccess extends Access {
  /** Milliseconds until it expires, at least 0; undefined where it never does. */
  expiresIn(): number | undefined;
  /** Why it no longer holds; undefined while it does. Its peer's request should end when it does not. */
  check(): "token_expired" | "token_revoked" | undefined;
}

/** What a session may do. Paths are absolute, root included. */
export interface Access {
  /** Every path on the wire is under it; empty for none. */
  readonly root: string;
  mayPublish(path: string): boolean;
  maySubscribe(path: string): boolean;
  /** The parts of a prefix that it may watch, as prefixes. Other relays are asked about these parts only. */
  watchable(prefix: string): readonly string[];
  /** The parts of a prefix, as prefixes, outside of which it may watch nothing; absent: the prefix. The rest is not searched. */
  listable?(prefix: string): readonly string[];
  /** Whether it may ask that about a track, or about a namespace. Absent: the paths alone decide. See {@link permits}. */
  permits?(action: RequestAction, path: string, track?: string): boolean;
  /**
   * Verifies the tokens that the peer presents with a request, or with the set-up of the session. Absent: tokens of messages are ignored.
   * Never rejects. A proof of possession is one of the tokens.
   */
  present?(
    tokens: readonly PresentedToken[],
    action: RequestAction | "client_setup",
    path: string,
    track?: string,
  ): Promise<PresentedAccess | TokenRefusal>;
}

/** Whether `access` permits a request about a track, or about a namespace. `path` is absolute. */
export function permits(access: Access, action: RequestAction, path: string, track?: string): boolean {
  if (access.permits !== undefined) return access.permits(action, path, track);
  return action === "publish" || action === "publish_namespace" ? access.mayPublish(path) : access.maySubscribe(path);
}

/** May publish and subscribe to everything under `root`. */
export function openAccess(root: string): Access {
  return { root, mayPublish: () => true, maySubscribe: () => true, watchable: (prefix) => [prefix] };
}

/** Bounds that several sessions share. At a bound the reason for the refusal is `limit`. */
export interface Quota {
  /** Counts a broadcast or a subscription of `path`, which is absolute, until the returned function is called. */
  take(what: "broadcasts" | "subscriptions", path: string): (() => void) | QuotaRefusal;
  /** The bound because of which no other group from the peer, or to it, may begin now. */
  over(way: "ingress" | "egress"): BoundName | undefined;
}

/** A shared bound was reached. */
export interface QuotaRefusal {
  readonly bound: BoundName;
  /** Calls `callback` when it may be tried again; returns a cancel. Absent for a broadcast: the session that announces it ends. */
  whenRoom?(callback: () => void): () => void;
}

/** Bounds of one session. At a bound the reason for the refusal is `limit`, and the refusal is counted. */
export interface SessionLimits {
  /** Broadcasts that the peer announces; likewise those that are announced to it. */
  readonly announcementsPerSession: number;
  /** Announce streams that the peer has open. */
  readonly announceStreamsPerSession: number;
  /** Subscriptions of the peer, including its unanswered requests for the properties of tracks. */
  readonly subscriptionsPerSession: number;
  readonly fetchesPerSession: number;
  /** Requests that the peer may have open in the end; absent: as many as the link allows at first. */
  readonly requests?: number;
  /** Requests of ours that wait until the peer allows another stream. */
  readonly pendingStreamsPerSession: number;
  /** Requests of this peer that one publisher may leave unanswered. Further ones wait for their turn. */
  readonly unansweredPerViewer: number;
  /** Milliseconds for the peer to answer a request of ours; absent: the caller has a limit of its own. */
  readonly requestTimeoutMs?: number;
  /** Groups that may be under way to the peer at once, shared between its subscriptions. */
  readonly groupsPerSession: number;
  /** Bytes queued for the peer at which the session drops old groups. */
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

/** Is called with the changes of an {@link AnnounceTable} under a prefix. */
export interface AnnounceWatcher {
  changed(broadcast: Announced): void;
  /** The routes of `prefix`, which the watched prefix is or is under, to what is under it have changed: see `Broadcasts.resolve`. */
  covered?(prefix: string): void;
  /**
   * The table now has everything under the prefix, including what is elsewhere in the mesh. Called at most once, possibly from inside
   * `watch`. Not called where there is no other relay to ask.
   */
  complete?(): void;
}

/** Where announcements come from and go to. The model's {@link Broadcasts} is one; the registry of a mesh is another. */
export interface AnnounceTable {
  /** The broadcasts at or under `prefix` that have a route. */
  list(prefix: string): Iterable<Announced>;
  /** Calls `watcher` for every change under `prefix` until the returned function is called. `interests`: see `Broadcasts.watch`. */
  watch(prefix: string, watcher: AnnounceWatcher, interests?: readonly string[]): () => void;
  publish(path: string, advertisement: Advertisement, source: Source): Publication | Reason;
  /** As `Broadcasts.resolve` has it. Absent: no prefix has routes to what is under it. */
  resolve?(path: string, exclude?: bigint, source?: Source): Route | undefined;
  /** The peer has accepted the request for announcements. Not every version says so. */
  answered?(): void;
  /** The peer refused to announce, or stopped before the session ended. Called before its announcements are withdrawn. */
  cut?(reason: Reason): void;
  /** Calls `callback` when a publication that was refused with `limit` may be tried again. Absent: never. Returns a cancel. */
  whenRoom?(callback: () => void): () => void;
}

/** A request for announcements, besides the one at the session's start. */
export interface Following {
  /** Withdraws what was announced, and ends the request. */
  stop(): void;
  /**
   * Settles when the peer has announced everything that there was at first, or when nothing will come. True: the peer knew its whole
   * mesh. False: it did not, or its version cannot say.
   */
  readonly complete: Promise<boolean>;
}

/** A request for the tracks that are pushed to a relay (moq-transport PUBLISH). */
export interface PushedAsk {
  /** Relative to the root. */
  readonly prefix: string;
  /** Also tracks that are pushed to other relays. */
  readonly elsewhere: boolean;
}

/** Receives the answer to a {@link PushedAsk}. */
export interface PushedSink {
  /** `path` is absolute; `epoch` is that of the broadcast. */
  started(path: string, epoch: bigint, track: string): void;
  /** The track is no longer pushed, or the relay does not say so any more. */
  ended(path: string, epoch: bigint, track: string): void;
  /** The relay answers no more. Called once, after all tracks have ended, unless the request was given up. */
  closed(reason: Reason): void;
}

/** What a session is built from. */
export interface SessionDeps {
  readonly broadcasts: Broadcasts;
  /** Where announcements come from and go to; `broadcasts` when absent. */
  readonly table?: AnnounceTable;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly channels: ChannelRegistry;
  /** Our hop id, not 0. */
  readonly hop: bigint;
  readonly access: Access;
  /** Absent: the session shares no bound with others. */
  readonly quota?: Quota;
  /** We ask the peer for announcements under this prefix, relative to the root; absent: we do not ask. */
  readonly announcePrefix?: string;
  /** The peer is a relay of the mesh, which gets the same content from several relays: see `ownNumbers` of `Subscriber`. */
  readonly ownNumbers?: boolean;
  /** The peer declared its hop id. */
  readonly identified?: (hop: bigint) => void;
  /** The peer asked us to leave for `uri`, which is empty when it named no other place. */
  readonly leaving?: (uri: string) => void;
  /** A broadcast of the peer is refused. Called for the first one of each request for announcements. */
  readonly refused?: (path: string, reason: Reason) => void;
  /** Who the peer is, for operators; absent where there is no relay. */
  readonly who?: PeerName;
  /** Our own code threw an unexpected error. The session is closed already. */
  readonly defect: (error: unknown) => void;
  /** The session is over. Called once. */
  readonly closed: (report: SessionReport) => void;
}

/** How a session ended, for one line of the log. It has no credentials. */
export interface SessionReport {
  readonly info: LinkInfo;
  readonly durationMs: number;
  readonly reason: SessionEnd;
  readonly code: number;
  /** The text of the close, ours or the peer's; may be empty. */
  readonly message: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Over the session's life. */
  readonly subscriptions: number;
  readonly broadcasts: number;
  readonly groupsSent: number;
  readonly groupsReceived: number;
}

/** One session's state and totals. */
export interface SessionFigures extends SessionTotals, LinkStats {
  /** Milliseconds since the start. */
  readonly ageMs: number;
  /** Bytes that wait to be sent. */
  readonly queuedBytes: number;
  /** Subscriptions of the peer that are served now. */
  readonly subscriptionsNow: number;
  /** Prefixes that the peer watches for announcements now. */
  readonly watchingNow: number;
  /** Broadcasts that the peer announces now. */
  readonly broadcastsNow: number;
}

/** Whether a session is used, and what it costs: cheap, to be read of all sessions at intervals. */
export interface SessionUse {
  /** Requests of the peer that run now. */
  readonly running: number;
  /** Broadcasts that the peer announces now. */
  readonly announced: number;
  /** Subscriptions of the peer that are served now. */
  readonly viewing: number;
  /** Rises with each request of the peer and each byte of media from it. */
  readonly activity: number;
  /** Bytes of payload of groups that were written to the peer. */
  readonly sentPayload: number;
  /** Bytes that wait to be sent. */
  readonly queuedBytes: number;
}

/** Counted over a session's life, for its report. */
export interface SessionTotals {
  subscriptions: number;
  broadcasts: number;
  groupsSent: number;
  groupsReceived: number;
}

/** One session, as the rest of the relay sees it. */
export interface Session {
  readonly info: LinkInfo;
  /** The peer as a place to subscribe at. */
  readonly source: Source;
  /** Settles when the peer's first announcements are here, or when none will come: see {@link Following.complete}. */
  readonly announced: Promise<boolean>;
  /** Asks the peer for announcements under `prefix`, relative to the root, and publishes them in `table`. */
  follow(prefix: string, table: AnnounceTable): Following;
  /** Asks the peer which tracks are pushed to it. Absent, or `unsupported`, where the version cannot. Returns a function that gives the request up. */
  followPushed?(ask: PushedAsk, sink: PushedSink): () => void;
  /** Bytes so far: of the peer's groups and datagrams as far as they were read, and everything that was sent to it. */
  traffic(): { readonly ingress: number; readonly egress: number };
  /** What the session does now, and has done so far. For people: it costs a call into the engine. */
  figures(): SessionFigures;
  use(): SessionUse;
  /** Figures of the link alone. */
  vitals(): LinkStats;
  /** Sends a datagram that the peer acknowledges and ignores. Does nothing on a link without datagrams. */
  probe(): void;
  /** Groups that were held back may be sent now. */
  retry(): void;
  /** Asks the peer to leave for `uri`, or for no place in particular when it is empty. False where the version cannot, or it was asked already. */
  goaway(uri: string): boolean;
  close(code: number, message: string): void;
  /** Closes with the code of `reason`, which the report names. */
  end(reason: EndReason, message: string): void;
}
