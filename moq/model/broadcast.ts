import type { Reason } from "../reason.ts";
import type { Asker, Source } from "./contract.ts";
import type { Claim } from "./policy/index.ts";
import {
  type Advertisement,
  bestRoute,
  compareRoutes,
  LEAVING_COST,
  leadsBack,
  pushes,
  pushSameTrack,
  type RankedRoute,
  type Route,
  sameContent,
  widerRoutes,
} from "./routes.ts";
import type { Terms } from "./terms.ts";
import { Track } from "./track.ts";
import type { TrackHost } from "./track-host.ts";
import { Usage } from "./usage.ts";
import { type LargestObject, ownLargest } from "./viewer-range.ts";

/** The track's only user, where that is a viewer and not a relay. */
function viewerOf(track: Track): Asker | undefined {
  const [first] = track.askers();
  for (const asker of track.askers()) if (asker !== first) return undefined;
  return first !== undefined && Number.isFinite(first.share) ? first : undefined;
}

/** A path with its routes and the tracks in use. Subscriptions may wait for it before it has a route. */
export class Broadcast {
  readonly path: string;
  readonly usage = new Usage();
  readonly #host: BroadcastHost;
  /** Tracks by name: one map for all peers, and one for each peer that another route serves than the rest. */
  readonly #lanes = new Map<Source | undefined, Map<string, Track>>();
  /** Includes those that are over and still run. */
  readonly #tracks = new Set<Track>();
  #routes: RankedRoute[] = [];
  /** The routes of the longest prefix that covers its path. They count while it has none of its own. */
  #wider: readonly RankedRoute[];
  /** The source that had no capacity for a track, and is not asked for it again. */
  readonly #refusing = new WeakMap<Track, Source>();
  #terms: Terms;
  /** The finder's release, while tracks are in use. */
  #release: (() => void) | undefined;
  #generations = 0;
  #orders = 0;

  constructor(path: string, host: BroadcastHost) {
    this.path = path;
    this.#host = host;
    this.#terms = host.termsOf(path);
    this.#wider = host.wider(path);
  }

  get terms(): Terms {
    return this.#terms;
  }

  /** Policies have changed. What is kept is charged by the new ones, over their budgets if need be. */
  reviseTerms(): void {
    this.#terms = this.#host.termsOf(this.path);
    for (const track of this.#tracks) track.recharge();
  }

  /**
   * The best route that does not pass through the hop `exclude` (moq-lite Origin parameter; 0 excludes nothing) and does not come
   * from `source`, because a peer is not announced its own broadcasts. A route whose source is leaving is the last choice.
   */
  route(exclude = 0n, source?: Source): Route | undefined {
    return bestRoute(this.#routes, exclude, source);
  }

  /** The routes by which its tracks may come, best first. */
  get #usable(): readonly RankedRoute[] {
    return this.#routes.length > 0 ? this.#routes : this.#wider;
  }

  /** Its routes as a prefix, for `path` under it, or for any path. */
  widerRoutes(path?: string): readonly RankedRoute[] {
    return widerRoutes(this.#routes, path);
  }

  /** The routes of prefixes that cover its path have changed; `ending` as {@link withdraw} has it. */
  widen(ending: Source | undefined): void {
    if (this.#routes.length > 0) return;
    const before = this.#wider;
    this.#wider = this.#host.wider(this.path);
    for (const track of [...this.#tracks]) this.#reroute(track, before, ending);
  }

  /** All routes, best first. */
  get routes(): readonly Route[] {
    return this.#routes;
  }

  /** Its tracks in use or kept. */
  list(): Iterable<Track> {
    return this.#tracks;
  }

  get tracks(): number {
    return this.#tracks.size;
  }

  /**
   * The track of that name, created when there is none. A peer that itself feeds the track of all others gets a track of its own, by
   * another route. Refused when there is no such route, when it has another epoch than `epoch`, or when there are too many tracks.
   */
  track(name: string, asker?: Asker, epoch?: bigint): Track | Reason {
    const detour = asker !== undefined && this.#comesFrom(asker, name, this.#lanes.get(undefined)?.get(name));
    if (detour && !this.#usable.some((route) => !route.leaving && !leadsBack(route, asker))) return "unroutable";
    const key = detour ? asker.source : undefined;
    const lane = this.#lanes.get(key) ?? new Map<string, Track>();
    const known = lane.get(name);
    if (known !== undefined && !known.over) {
      if (!known.serves(epoch)) return "replaced";
      this.#release ??= this.#host.want(this.path);
      return known;
    }
    const now = this.#best(name, detour ? asker : undefined)?.advertisement.epoch;
    if (epoch !== undefined && now !== undefined && now !== epoch) return "replaced";
    const replaced = known?.idle === true ? 1 : 0;
    if (this.#tracks.size - replaced >= this.#host.limits.tracksPerBroadcast && !this.#makeRoom(asker)) return "limit";
    let made: Track | undefined;
    const giveUp = () => {
      if (made?.idle !== true) return false;
      made.release();
      return true;
    };
    const giveBack = this.#host.takeTrack({ path: this.path, giveUp }, name, asker);
    if (giveBack === undefined) return "limit";
    // Before the track is created, because the finder may add a route at once.
    this.#release ??= this.#host.want(this.path);
    const track = this.#make(name, detour ? asker : undefined, giveBack);
    made = track;
    this.#tracks.add(track);
    this.#lanes.set(key, lane.set(name, track));
    known?.release();
    return track;
  }

  /**
   * Adds a route, or replaces the one that `source` advertised before. A source may have two: what it announced, and the tracks that it
   * pushes.
   */
  advertise(source: Source, advertisement: Advertisement): void {
    const isBefore = (route: Route) => route.source === source && pushes(route) === pushes({ advertisement });
    const others = this.#routes.filter((route) => !isBefore(route));
    const before = this.#routes.find(isBefore);
    const like = [before, ...others].find((route) => route && sameContent(route.advertisement, advertisement));
    const generation = like?.generation ?? this.#besides(others, advertisement) ?? ++this.#generations;
    const leaving = before?.leaving ?? false;
    const ranked = leaving ? { ...advertisement, cost: LEAVING_COST } : advertisement;
    const { cost } = advertisement;
    this.#change([...others, { source, advertisement: ranked, cost, leaving, generation, order: ++this.#orders }]);
  }

  /**
   * `source` asks its viewers to leave. It keeps the tracks that it feeds, except those that another route has as well, which move there
   * after their group. Other routes get the rest.
   */
  leave(source: Source): void {
    for (const track of [...this.#tracks]) if (track.kept && track.source === source) track.release();
    const routes = this.#routes.map((route) =>
      route.source !== source || route.leaving
        ? route
        : { ...route, leaving: true, advertisement: { ...route.advertisement, cost: LEAVING_COST } },
    );
    this.#change(routes);
  }

  /**
   * Withdraws the route of `source`: that of the tracks that it pushes, or the one that it announced. `lost`: its session has ended, and
   * its subscriptions with it.
   */
  withdraw(source: Source, pushed: boolean, lost: boolean): void {
    this.#change(
      this.#routes.filter((route) => route.source !== source || pushes(route) !== pushed),
      lost ? undefined : source,
    );
    this.#host.idle(this);
  }

  /** Refuses the subscriptions of `asker`, whose hop id has just become known, that lead back to it. */
  recheck(asker: Asker): void {
    for (const track of [...this.#tracks]) {
      if (this.#comesFrom(asker, track.name, track)) track.exclude((one) => one === asker);
    }
  }

  /** As `Broadcasts.largest` has it. */
  largest(name: string): LargestObject | undefined {
    const track = this.#lanes.get(undefined)?.get(name);
    return track && ownLargest(track);
  }

  /** Evicts what the cache keeps of its tracks, or of the tracks named `name`. */
  purge(name?: string): void {
    for (const track of [...this.#tracks]) if (name === undefined || track.name === name) track.purge();
  }

  close(reason: Reason): void {
    for (const track of [...this.#tracks]) track.close(reason);
    this.#tracks.clear();
    this.#lanes.clear();
    this.#releaseIfUnused();
  }

  /**
   * Makes room for a track that `asker` wants. An unused track goes. Without one, the newest track of a viewer that alone uses more
   * than half of them goes, so that no viewer can keep the others from the broadcast.
   */
  #makeRoom(asker: Asker | undefined): boolean {
    const { counters, limits } = this.#host;
    const alone = new Map<Asker, Track[]>();
    for (const track of this.#tracks) {
      if (track.idle) {
        track.release();
        return true;
      }
      const viewer = viewerOf(track);
      if (viewer === undefined || viewer === asker) continue;
      const its = alone.get(viewer);
      if (its === undefined) alone.set(viewer, [track]);
      else its.push(track);
    }
    counters.boundsHit.tracks_per_broadcast++;
    for (const tracks of alone.values()) {
      if (tracks.length * 2 <= limits.tracksPerBroadcast) continue;
      const newest = tracks.at(-1);
      newest?.close("limit");
      newest?.release();
      return true;
    }
    return false;
  }

  /** Whether the track, or one that is to be created, comes through the asking peer. */
  #comesFrom(asker: Asker, name: string, track: Track | undefined): boolean {
    const feeding = track === undefined || track.over ? undefined : track.source;
    const route =
      feeding === undefined ? this.#best(name, undefined) : this.#usable.find(({ source }) => source === feeding);
    const from = route ?? this.#usable[0];
    return from !== undefined && leadsBack(from, asker);
  }

  /** The route for a track: that of a source that pushes it, where there is one. A leaving source keeps the tracks that it feeds. */
  #best(name: string, asker: Asker | undefined, track?: Track): RankedRoute | undefined {
    const fed = track?.feed !== undefined ? track.source : undefined;
    let best: RankedRoute | undefined;
    for (const route of this.#usable) {
      if (route.leaving && route.source !== fed) continue;
      if (track !== undefined && route.source === this.#refusing.get(track)) continue;
      if (asker !== undefined && leadsBack(route, asker)) continue;
      if (route.advertisement.pushed?.has(name)) return route;
      best ??= route;
    }
    return best;
  }

  /** Another route for a track whose source has no capacity. None where one was tried before (moq-lite Resolution). */
  #another(track: Track): RankedRoute | undefined {
    const source = track.feed?.source ?? track.source;
    if (this.#refusing.has(track) || source === undefined) return undefined;
    this.#refusing.set(track, source);
    return this.#best(track.name, track.asker, track);
  }

  /** As {@link TrackHost.other} has it. */
  #other({ feed }: Track, name: string, source: Source, askers: readonly (Asker | undefined)[]): Source | undefined {
    const isFit = (route: RankedRoute) =>
      route.source !== source &&
      !route.leaving &&
      (route.advertisement.pushed?.has(name) ?? true) &&
      (feed === undefined || route.generation === feed.generation) &&
      !askers.some((asker) => asker !== undefined && leadsBack(route, asker));
    return this.#usable.find(isFit)?.source;
  }

  /** A track whose source is leaving moves to another route to the same content, between two of its groups (moq-lite GOAWAY). */
  #leaveDrained(track: Track): void {
    const { source, asker } = track;
    const from = this.#usable.find((route) => route.leaving && route.source === source);
    if (from === undefined || track.over) return;
    const to = this.#usable.find(
      (route) =>
        !route.leaving &&
        sameContent(route.advertisement, from.advertisement) &&
        (asker === undefined || !leadsBack(route, asker)),
    );
    if (to === undefined) return;
    track.exclude((one) => leadsBack(to, one));
    track.switch(to, true);
  }

  /** The publisher that a source joins that only pushes other tracks of the broadcast than the sources before it. */
  #besides(others: readonly RankedRoute[], advertisement: Advertisement): number | undefined {
    if (advertisement.pushed === undefined || others.some((one) => pushSameTrack(one.advertisement, advertisement)))
      return undefined;
    return others.find(({ advertisement: { epoch } }) => epoch === advertisement.epoch)?.generation;
  }

  /** `giveBack`: the track has ended. */
  #make(name: string, asker: Asker | undefined, giveBack: () => void): Track {
    let made: Track | undefined;
    const host = {
      ...this.#host,
      between: () => {
        if (made !== undefined) this.#leaveDrained(made);
      },
      terms: () => this.#terms,
      usage: this.usage,
      wait: () => this.#host.wait(),
      stopWaiting: () => this.#host.stopWaiting(),
      unwatched: () => this.#releaseIfUnused(),
      another: (track: Track) => this.#another(track),
      other: (track: Track, source: Source, one: Asker | undefined) => this.#other(track, name, source, [asker, one]),
      idle: (track: Track) => {
        if (!this.#tracks.delete(track)) return;
        giveBack();
        const key = asker?.source;
        const lane = this.#lanes.get(key);
        if (lane?.get(name) === track) lane.delete(name);
        if (lane?.size === 0) this.#lanes.delete(key);
        this.#releaseIfUnused();
        this.#host.idle(this);
      },
    };
    made = new Track(this.path, name, host, { asker, route: this.#best(name, asker) });
    return made;
  }

  #releaseIfUnused(): void {
    for (const track of this.#tracks) if (!track.kept) return;
    this.#release?.();
    this.#release = undefined;
  }

  /** `ending`: a source that withdrew its route and keeps its session. Its subscriptions end by themselves unless another route takes over. */
  #change(routes: RankedRoute[], ending?: Source): void {
    const before = this.#usable;
    this.#routes = routes.sort(compareRoutes);
    if (routes.length === 0) this.#wider = this.#host.wider(this.path);
    for (const track of [...this.#tracks]) this.#reroute(track, before, ending);
    this.#host.changed(this, ending);
  }

  #reroute(track: Track, before: readonly RankedRoute[], ending: Source | undefined): void {
    const { source, asker } = track;
    const found = this.#best(track.name, asker, track);
    const last = before.find((route) => route.source === source);
    // A running track is not taken over by other content of a prefix.
    const now =
      found?.wider && last?.wider === undefined && last && !sameContent(last.advertisement, found.advertisement)
        ? undefined
        : found;
    const moved = now?.source !== source;
    if (now !== undefined) track.enter(now.advertisement.epoch);
    // Peers that the new route leads back to would be sent what they publish.
    if (now !== undefined && (moved || now.advertisement.hops !== last?.advertisement.hops)) {
      track.exclude((one) => leadsBack(now, one));
    }
    if (!moved) return;
    if (now === undefined && asker !== undefined && this.#usable.length > 0) {
      track.close("unroutable");
      track.release();
    } else if (now === undefined && source === ending) track.conclude();
    else
      track.switch(now, last !== undefined && now !== undefined && sameContent(last.advertisement, now.advertisement));
  }
}

/** What a broadcast needs from the table that it is in. */
export interface BroadcastHost
  extends Omit<TrackHost<Track>, "another" | "other" | "between" | "idle" | "unwatched" | "usage" | "terms"> {
  /** What holds for the broadcast `path`. */
  termsOf(path: string): Terms;
  /** Counts one more track, until the returned function is called. Nothing when a policy has reached its bound, which is reported. */
  takeTrack(claim: Claim, track: string, asker: Asker | undefined): (() => void) | undefined;
  /** Tracks of `path` are in use, with a route or without. Returns a release. */
  want(path: string): (() => void) | undefined;
  /** The routes of the longest prefix of `path`, `path` itself excluded, that has routes to what is under it. */
  wider(path: string): readonly RankedRoute[];
  /** Its routes changed; `ending` as {@link Broadcast.withdraw} has it. */
  changed(broadcast: Broadcast, ending: Source | undefined): void;
  /** It may be unused by now: it has lost a route or a track. */
  idle(broadcast: Broadcast): void;
}
