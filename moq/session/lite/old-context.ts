import type { Link } from "../../link.ts";
import type { Asker, Channel, Share, Source } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import type { WireLimits } from "../../wire/codec/index.ts";
import type { Capabilities } from "../../wire/lite/index.ts";
import type { SessionContext } from "../context.ts";
import type { SessionDeps, SessionTotals } from "../contract.ts";
import type { Opener } from "../opener.ts";

/** What the parts of one session share. */
export interface OldContext {
  readonly link: Link;
  readonly caps: Capabilities;
  readonly wire: WireLimits;
  readonly deps: SessionDeps;
  readonly channel: Channel;
  readonly opener: Opener;
  /** The session's part of the thread. */
  readonly share: Share;
  /** The peer as a place to subscribe at. */
  readonly source: Source;
  /** The peer as one that asks. */
  readonly asker: Asker;
  readonly totals: SessionTotals;
  /** The peer's subscriptions. */
  readonly viewers: { readonly size: number };
  /** Broadcasts that the peer announces now, on all announce streams that we have there. */
  readonly heard: { count: number };
  /** True once the session is over; nothing is to be sent then. */
  readonly over: boolean;
  /** True once the peer asked us to open no more streams. */
  readonly leaving: boolean;
  /** What the peer charges for what it forwards (moq-lite Cost parameter); nothing when it did not say. */
  readonly peerCost: number | undefined;
  /** The hop id that the peer declared in its SETUP; 0 when unknown. */
  readonly peerHop: bigint;
  /** Runs an entry point of the session: whatever it throws ends this session and nothing else. */
  guard<T>(work: () => T): T | undefined;
  /** Ends the session with the code of a reason. */
  end(reason: Reason, message: string): void;
  /** A path of the wire as the model has it. */
  absolute(path: string): string;
  /** A path of the model as the wire has it; nothing when it is not under the root. */
  relative(path: string): string | undefined;
}

export function oldContext(session: SessionContext, caps: Capabilities, wire: WireLimits): OldContext {
  return {
    link: session.link,
    caps,
    wire,
    deps: session.deps,
    channel: session.channel,
    opener: session.opener,
    share: session.share,
    get source() {
      return session.source;
    },
    get asker() {
      return session.asker;
    },
    totals: session.totals,
    viewers: session.serving.viewers,
    heard: session.announcedByPeer,
    get over() {
      return session.over;
    },
    get leaving() {
      return session.peer.leaving;
    },
    get peerCost() {
      return session.peer.cost;
    },
    get peerHop() {
      return session.peer.hop;
    },
    guard: (work) => session.guard(work),
    end: (reason, message) => session.end(reason, message),
    absolute: (path) => session.absolute(path),
    relative: (path) => session.relative(path),
  };
}
