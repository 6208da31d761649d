import type { Link } from "../link.ts";
import type { Asker, Channel, Share, Source } from "../model/index.ts";
import type { Reason } from "../reason.ts";
import type { Admission } from "./admission.ts";
import type { SessionDeps, SessionTotals } from "./contract.ts";
import type { Opener } from "./opener.ts";
import type { ReceivedGroups } from "./received-groups.ts";
import type { Serving } from "./serving.ts";
import type { Stragglers } from "./stragglers.ts";

/** What a protocol family calls reasons on the wire. */
export interface ReasonCodes {
  readonly codeOf: (reason: Reason) => number;
  /** What a code of the peer means. */
  readonly reasonOf: (code: number) => Reason;
}

/** What the peer has said about itself. */
export interface PeerState {
  /** Its hop id; 0 when unknown. */
  readonly hop: bigint;
  /** What it charges for what it forwards; absent when it did not say. */
  readonly cost: number | undefined;
  /** It asked us to leave: we open no more requests there. */
  readonly leaving: boolean;
}

/** A number that several parts of a session count together. */
export interface Count {
  count: number;
}

/** What the parts of one session share, whatever its protocol. */
export interface SessionContext {
  readonly link: Link;
  readonly deps: SessionDeps;
  readonly codes: ReasonCodes;
  readonly channel: Channel;
  readonly opener: Opener;
  readonly admission: Admission;
  readonly serving: Serving;
  readonly received: ReceivedGroups;
  /** Tracks that the peer has ended. */
  readonly stragglers: Stragglers;
  /** The session's part of the thread. */
  readonly share: Share;
  /** The peer as a place to subscribe at. */
  readonly source: Source;
  /** The peer as one that asks. */
  readonly asker: Asker;
  readonly peer: PeerState;
  readonly totals: SessionTotals;
  /** Broadcasts that the peer announces now, on all our requests for announcements. */
  readonly announcedByPeer: Count;
  /** Broadcasts that are announced to the peer, or will be, on all its requests for announcements. */
  readonly announcedToPeer: Count;
  /** True once the session is over; nothing is to be sent then. */
  readonly over: boolean;
  /** Runs an entry point of the session: anything that it throws ends this session and nothing else. */
  guard<T>(work: () => T): T | undefined;
  /** As if {@link guard} had caught the error. For entry points that are called for each frame, which need no closure then. */
  failed(error: unknown): void;
  /** Ends the session with the code of a reason. */
  end(reason: Reason, message: string): void;
  /** A path of the wire as the model has it. */
  absolute(path: string): string;
  /** A path of the model as the wire has it; nothing when it is not under the root. */
  relative(path: string): string | undefined;
}
