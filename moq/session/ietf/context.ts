import type { WireLimits } from "../../wire/codec/index.ts";
import type { Capabilities, Setup, Side, TokenCache } from "../../wire/ietf/index.ts";
import type { SessionContext } from "../context.ts";
import type { Access, PresentedAccess } from "../contract.ts";
import type { PushedTracks } from "../pushed-tracks.ts";
import type { MessageCodec } from "./message-codec.ts";
import type { OwnFetches } from "./own-fetches.ts";
import type { PeerNamespaces } from "./peer-namespaces.ts";
import type { PrefixClaims } from "./prefix-claims.ts";
import type { RequestIds } from "./request-ids.ts";
import type { ServedSubscriptions } from "./served-subscriptions.ts";
import type { TokenWatch } from "./token-watch.ts";
import type { TrackAliases } from "./track-aliases.ts";

/** What the parts of one moq-transport session share, but for what they publish. */
export interface RequestContext {
  readonly session: SessionContext;
  readonly caps: Capabilities;
  readonly wire: WireLimits;
  /** This end. */
  readonly side: Side;
  readonly ids: RequestIds;
  /** The messages of request streams. */
  readonly codec: MessageCodec;
  /** Tracks that the peer sends. */
  readonly aliases: TrackAliases;
  /** Fetches of ours whose objects come on a stream of their own. */
  readonly fetches: OwnFetches;
}

/** What the parts of one moq-transport session share. */
export interface IetfContext extends RequestContext {
  /** Subscriptions of the peer, which its joining fetches name. */
  readonly served: ServedSubscriptions;
  readonly prefixes: PrefixClaims;
  /** Tokens that the peer has registered. */
  readonly tokens: TokenCache;
  /** Tokens of running requests. */
  readonly tokenWatch: TokenWatch;
  /** What the request that is served may do; absent: what the session may do. */
  readonly access?: Access;
  /** What its own tokens grant; absent where it brought none. It ends when they do. */
  readonly presented?: PresentedAccess;
  /** Tracks that the peer pushes. */
  readonly pushed: PushedTracks;
  /** SETUP of the peer; absent until it is here. */
  readonly setup: () => Setup | undefined;
  /** Namespaces that the peer has. */
  readonly namespaces: PeerNamespaces;
}
