import type { Asker, Source } from "./contract.ts";

/** A route as a publisher or a relay advertises it (moq-lite Routing). */
export interface Advertisement {
  /** Generation of the content; 0 when the publisher assigns none. */
  readonly epoch: bigint;
  /** Hop ids from the publisher to the peer that advertised it; 0 is unknown. */
  readonly hops: readonly bigint[];
  /** At most {@link MAX_COST}. */
  readonly cost: number;
  /** The cost as if no relay on the route carried the content yet. Absent where it is unknown, which counts as {@link MAX_COST}. */
  readonly coldCost?: number;
  /** Complete content that is only fetched. */
  readonly ended: boolean;
  /**
   * The source has not announced the broadcast: it pushes tracks of it, those named here (moq-transport PUBLISH). These tracks come from it
   * first. Other tracks come from it only where no source has announced the broadcast. Absent: the source has announced the broadcast.
   */
  readonly pushed?: ReadonlySet<string>;
  /**
   * Tracks that publishers push to another relay, to which this route leads. Viewers that ask for tracks (SUBSCRIBE_TRACKS) are offered them.
   * Absent: none is known.
   */
  readonly offered?: ReadonlySet<string>;
  /**
   * The source serves the paths below as well, as far as it has them (moq-lite 06: a route is a prefix), and as far as this says that it may
   * publish them. The same function for the same source. Absent: this one path.
   */
  readonly covers?: (path: string) => boolean;
}

/** The largest cost of a route. Sums stop there, so that no cost becomes too large to announce. */
const MAX_COST = Number.MAX_SAFE_INTEGER;

/** The cost of a route with one more link. */
export function sumOfCosts(cost: number, more: number): number {
  return Math.min(cost + more, MAX_COST);
}

export function sameAdvertisement(a: Advertisement, b: Advertisement): boolean {
  return (
    a.epoch === b.epoch &&
    a.cost === b.cost &&
    a.coldCost === b.coldCost &&
    a.ended === b.ended &&
    a.covers === b.covers &&
    a.hops.length === b.hops.length &&
    a.hops.every((hop, i) => hop === b.hops[i])
  );
}

/** One route to a broadcast. */
export interface Route {
  readonly advertisement: Advertisement;
  readonly source: Source;
  /** The source has asked its viewers to leave: it keeps the tracks that it feeds, and gets no new ones. */
  readonly leaving?: boolean;
}

/** A route with what orders it among those of its broadcast. */
export interface RankedRoute extends Route {
  readonly leaving: boolean;
  /** As it was advertised. The advertisement of a leaving source has {@link LEAVING_COST} instead. */
  readonly cost: number;
  /** Rises with each publisher that is not known to send the same content as an earlier one. */
  readonly generation: number;
  /** Rises with each advertisement. */
  readonly order: number;
  /** It is the route of a prefix that covers the broadcast, and not a route of the broadcast itself. */
  readonly wider?: true;
}

/** Whether two advertisements stand for the same content under the same numbers. */
export function sameContent(a: Advertisement, b: Advertisement): boolean {
  if (a.epoch !== 0n || b.epoch !== 0n) return a.epoch === b.epoch;
  const first = a.hops[0];
  return first !== undefined && first !== 0n && first === b.hops[0];
}

/**
 * The order of routes to one path:
 *
 * - Highest epoch first, then those that announced the broadcast.
 * - Then those whose hops are all known, the lowest cost, the lowest cold cost, and the fewest hops (moq-lite Routing).
 * - Then the newest publisher, and the latest advertisement.
 *
 * Of sources that only push tracks the earliest comes first: a further one adds tracks, and replaces nothing.
 */
export function compareRoutes(a: RankedRoute, b: RankedRoute): number {
  const x = a.advertisement;
  const y = b.advertisement;
  if (x.epoch !== y.epoch) return x.epoch > y.epoch ? -1 : 1;
  if (pushes(a) !== pushes(b)) return pushes(a) ? 1 : -1;
  const order = pushes(a) ? a.order - b.order : b.order - a.order;
  if (isUnknown(x) !== isUnknown(y)) return isUnknown(x) ? 1 : -1;
  const byCost = a.cost - b.cost || (x.coldCost ?? MAX_COST) - (y.coldCost ?? MAX_COST);
  return byCost || x.hops.length - y.hops.length || b.generation - a.generation || order;
}

/** The hop id 0 stands for any relay. */
function isUnknown({ hops }: Advertisement): boolean {
  return hops.includes(0n);
}

/** The routes of a prefix that serve what is under it, as they are for `path` there. Without `path`: those that may serve any path. */
export function widerRoutes(routes: readonly RankedRoute[], path?: string): RankedRoute[] {
  return (
    routes
      .filter(({ advertisement: { covers } }) => covers !== undefined && (path === undefined || covers(path)))
      // Below the numbers of the path's own publishers.
      .map((route) => ({ ...route, wider: true, generation: -route.generation }))
  );
}

export function pushes({ advertisement }: Pick<Route, "advertisement">): boolean {
  return advertisement.pushed !== undefined;
}

/** Whether both sources push one of the tracks. */
export function pushSameTrack(a: Advertisement, b: Advertisement): boolean {
  for (const name of a.pushed ?? []) if (b.pushed?.has(name)) return true;
  return false;
}

/** Cost of a route whose source is leaving: above any that can be configured, and low enough that sums of it are exact. */
export const LEAVING_COST = 2 ** 40;

/** Whether the route leads through the asking peer (moq-lite Routing). */
export function leadsBack({ source, advertisement }: Route, asker: Pick<Asker, "source" | "hop">): boolean {
  return source === asker.source || (asker.hop !== 0n && advertisement.hops.includes(asker.hop));
}

/** The best of `routes` that {@link Broadcast.route} may return. */
export function bestRoute(
  routes: readonly RankedRoute[],
  exclude: bigint,
  source: Source | undefined,
): Route | undefined {
  let leaving: Route | undefined;
  for (const route of routes) {
    if (route.source === source || (exclude !== 0n && route.advertisement.hops.includes(exclude))) continue;
    if (!route.leaving) return route;
    leaving ??= route;
  }
  return leaving;
}
