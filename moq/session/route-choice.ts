import { type Route, sameAdvertisement } from "../model/index.ts";
import { stripPrefix } from "../path.ts";
import type { SessionContext } from "./context.ts";
import type { Access, Announced } from "./contract.ts";

/** What a peer asks for with a request for announcements. */
export interface AnnounceInterest {
  /** A hop that no route may lead through; 0 for the peer itself. */
  readonly excludeHop: bigint;
  /** Broadcasts that are complete and only fetched are wanted as well. */
  readonly ended: boolean;
  /** The absolute prefix below which no name that begins with a dot is wanted; absent: all are. */
  readonly hideBelow?: string | undefined;
  /** What the request may do; absent: what the session may do. */
  readonly access?: Access | undefined;
}

/** The best route that does not lead back to the peer (moq-lite Routing); nothing where the peer may not have any. */
export function routeFor(session: SessionContext, broadcast: Announced, interest: AnnounceInterest): Route | undefined {
  const { access = session.deps.access, hideBelow } = interest;
  if (hideBelow !== undefined && hasDottedName(stripPrefix(hideBelow, broadcast.path) ?? "")) return undefined;
  if (!access.maySubscribe(broadcast.path)) return undefined;
  const exclude = interest.excludeHop === 0n ? session.peer.hop : interest.excludeHop;
  const route = broadcast.route(exclude, session.source);
  return route?.advertisement.ended === true && !interest.ended ? undefined : route;
}

function hasDottedName(path: string): boolean {
  return path.startsWith(".") || path.includes("/.");
}

/** Likewise, for a peer that does not know the broadcast yet: it gets no route whose publisher is leaving. */
export function newRouteFor(
  session: SessionContext,
  broadcast: Announced,
  interest: AnnounceInterest,
): Route | undefined {
  const route = routeFor(session, broadcast, interest);
  return route?.leaving === true ? undefined : route;
}

/** Both routes are announced alike. */
export function sameRoute(a: Route, b: Route): boolean {
  return a === b || (a.source === b.source && sameAdvertisement(a.advertisement, b.advertisement));
}
