import type { Reason } from "../reason.ts";
import type { Asker, Source } from "./contract.ts";
import { Track } from "./track.ts";
import type { TrackHost } from "./track-host.ts";

/** What a publisher, or a relay before us, says of a broadcast (moq-lite Routing). */
export interface Advertisement {
  /** Generation of the content; 0 when the publisher assigns none. */
  readonly epoch: bigint;
  /** Hop ids from the publisher to the one that told us; 0 is unknown. */
  readonly hops: readonly bigint[];
  readonly cost: number;
  /** Complete content that is only fetched. */
  readonly ended: boolean;
}

export function sameAdvertisement(a: Advertisement, b: Advertisement): boolean {
  return (
    a.epoch === b.epoch &&
    a.cost === b.cost &&
    a.ended === b.ended &&
    a.hops.length === b.hops.length &&
    a.hops.every((hop, i) => hop === b.hops[i])
  );
}

/** One way to a broadcast. */
export interface Route {
  readonly advertisement: Advertisement;
  readonly source: Source;
  /** Its source asked us to leave: it feeds what it feeds, and nothing new. */
  readonly leaving?: boolean;
}

interface Ranked extends Route {
  readonly leaving: boolean;
  /** As it was advertised; that of a source that leaves says otherwise. */
  readonly cost: number;
  /** Rises with each publisher that is not known to send the same content as one before. */
  readonly generation: number;
  /** Rises with each advertisement. */
  readonly order: number;
}

/** Whether two advertisements stand for the same content under the same numbers. */
export function sameContent(a: Advertisement, b: Advertisement): boolean {
  if (a.epoch !== 0n || b.epoch !== 0n) return a.epoch === b.epoch;
  const first = a.hops[0];
  return first !== undefined && first !== 0n && first === b.hops[0];
}

/** Highest epoch first, then the newest publisher, then the cheapest, shortest and latest way to it. */
function compare(a: Ranked, b: Ranked): number {
  const x = a.advertisement;
  const y = b.advertisement;
  if (x.epoch !== y.epoch) return x.epoch > y.epoch ? -1 : 1;
  return b.generation - a.generation || a.cost - b.cost || x.hops.length - y.hops.length || b.order - a.order;
}

/** Cost of a route whose source asked us to leave: dearer than any that is configured, and sums of it are exact. */
const LEAVING_COST = 2 ** 40;

/** Whether the route leads through the peer that asks (moq-lite Routing). */
function leadsBack({ source, advertisement }: Route, asker: Pick<Asker, "source" | "hop">): boolean {
  return source === asker.source || (asker.hop !== 0n && advertisement.hops.includes(asker.hop));
}

/** The peer that alone uses the track, where that is a viewer and no relay. */
function viewerOf(track: Track): Asker | undefined {
  const [first] = track.askers();
  for (const asker of track.askers()) if (asker !== first) return undefined;
  return first !== undefined && Number.isFinite(first.share) ? first : undefined;
}

/** A path with its routes and the tracks in use. It may be waited for before it has a route. */
export class Broadcast {
  readonly path: string;
  readonly #host: BroadcastHost;
  /** By name, for all peers, and for each peer that is served by another route than the rest. */
  readonly #lanes = new Map<Source | undefined, Map<string, Track>>();
  /** Those that are over but still run included. */
  readonly #tracks = new Set<Track>();
  #routes: Ranked[] = [];
  /** Held while there are tracks that are in use. */
  #release: (() => void) | undefined;
  #generations = 0;
  #orders = 0;

  constructor(path: string, host: BroadcastHost) {
    this.path = path;
    this.#host = host;
  }

  /**
   * The best route that does not pass through the hop `exclude` (moq-lite Origin parameter; 0 excludes nothing) and is not
   * by `source`: nobody is told of what came from itself. One whose source leaves only where there is no other.
   */
  route(exclude = 0n, source?: Source): Route | undefined {
    let leaving: Route | undefined;
    for (const route of this.#routes) {
      if (route.source === source || (exclude !== 0n && route.advertisement.hops.includes(exclude))) continue;
      if (!route.leaving) return route;
      leaving ??= route;
    }
    return leaving;
  }

  /** All ways to it, best first. */
  get routes(): readonly Route[] {
    return this.#routes;
  }

  get tracks(): number {
    return this.#tracks.size;
  }

  /**
   * The track of that name, made when it is not there. The peer that asks gets one of its own where the others' comes from
   * itself; refused when there is no other route, or when there are too many tracks.
   */
  track(name: string, asker?: Asker): Track | Reason {
    const detour = asker !== undefined && this.#comesFrom(asker, this.#lanes.get(undefined)?.get(name));
    if (detour && !this.#routes.some((route) => !route.leaving && !leadsBack(route, asker))) return "unroutable";
    const key = detour ? asker.source : undefined;
    const lane = this.#lanes.get(key) ?? new Map<string, Track>();
    const known = lane.get(name);
    if (known !== undefined && !known.over) {
      this.#release ??= this.#host.want(this.path);
      return known;
    }
    const replaced = known?.idle === true ? 1 : 0;
    if (this.#tracks.size - replaced >= this.#host.limits.tracksPerBroadcast && !this.#makeRoom(asker)) return "limit";
    // Before there is a track: a route may come at once.
    this.#release ??= this.#host.want(this.path);
    const track = this.#make(name, detour ? asker : undefined);
    this.#tracks.add(track);
    this.#lanes.set(key, lane.set(name, track));
    known?.release();
    return track;
  }

  /** Adds a route, or replaces the one that `source` gave before. */
  advertise(source: Source, advertisement: Advertisement): void {
    const others = this.#routes.filter((route) => route.source !== source);
    const before = this.#routes.find((route) => route.source === source);
    const like = [before, ...others].find((route) => route && sameContent(route.advertisement, advertisement));
    const generation = like?.generation ?? ++this.#generations;
    const leaving = before?.leaving ?? false;
    const told = leaving ? { ...advertisement, cost: LEAVING_COST } : advertisement;
    const { cost } = advertisement;
    this.#change([...others, { source, advertisement: told, cost, leaving, generation, order: ++this.#orders }]);
  }

  /** `source` asked us to leave: it feeds the tracks that it feeds, for as long as it does, and others take over the rest. */
  leave(source: Source): void {
    for (const track of [...this.#tracks]) if (track.kept && track.source === source) track.release();
    const routes = this.#routes.map((route) =>
      route.source !== source || route.leaving
        ? route
        : { ...route, leaving: true, advertisement: { ...route.advertisement, cost: LEAVING_COST } },
    );
    this.#change(routes);
  }

  /** Takes back what `source` gave. `lost`: its session is gone, so its subscriptions are, too. */
  withdraw(source: Source, lost: boolean): void {
    this.#change(
      this.#routes.filter((route) => route.source !== source),
      lost ? undefined : source,
    );
    this.#host.idle(this);
  }

  /** Refuses what `asker`, whose hop id is known only now, gets by a route that leads back to it. */
  recheck(asker: Asker): void {
    for (const track of [...this.#tracks]) {
      if (this.#comesFrom(asker, track)) track.exclude((one) => one === asker);
    }
  }

  close(reason: Reason): void {
    for (const track of [...this.#tracks]) track.close(reason);
    this.#tracks.clear();
    this.#lanes.clear();
    this.#releaseIfUnused();
  }

  /**
   * Makes room for a track that `asker` wants: a track that nobody uses goes, else the newest one of a viewer that alone has more
   * than half of them, so that none can keep the others from the broadcast.
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

  /** Whether the track, or one that is to be made, comes through the peer that asks for it. */
  #comesFrom(asker: Asker, track: Track | undefined): boolean {
    const feeding = track === undefined || track.over ? undefined : track.source;
    const fits = (route: Route) => (feeding === undefined ? !route.leaving : route.source === feeding);
    const route = this.#routes.find(fits) ?? this.#routes[0];
    return route !== undefined && leadsBack(route, asker);
  }

  /** What a track is to be taken from: a source that leaves feeds on what it feeds. */
  #best(asker: Asker | undefined, track?: Track): Ranked | undefined {
    const fed = track?.feed !== undefined ? track.source : undefined;
    return this.#routes.find((route) => {
      if (route.leaving && route.source !== fed) return false;
      return asker === undefined || !leadsBack(route, asker);
    });
  }

  #make(name: string, asker: Asker | undefined): Track {
    const host = {
      ...this.#host,
      wait: () => this.#host.wait(),
      stopWaiting: () => this.#host.stopWaiting(),
      unwatched: () => this.#releaseIfUnused(),
      idle: (track: Track) => {
        if (!this.#tracks.delete(track)) return;
        const key = asker?.source;
        const lane = this.#lanes.get(key);
        if (lane?.get(name) === track) lane.delete(name);
        if (lane?.size === 0) this.#lanes.delete(key);
        this.#releaseIfUnused();
        this.#host.idle(this);
      },
    };
    return new Track(this.path, name, host, { asker, route: this.#best(asker) });
  }

  #releaseIfUnused(): void {
    for (const track of this.#tracks) if (!track.kept) return;
    this.#release?.();
    this.#release = undefined;
  }

  /** `ending`: a source that took its route back, whose subscriptions conclude by themselves unless another takes over. */
  #change(routes: Ranked[], ending?: Source): void {
    const before = this.#routes;
    this.#routes = routes.sort(compare);
    for (const track of [...this.#tracks]) this.#reroute(track, before, ending);
    this.#host.changed(this);
  }

  #reroute(track: Track, before: readonly Ranked[], ending: Source | undefined): void {
    const { source, asker } = track;
    const now = this.#best(asker, track);
    const last = before.find((route) => route.source === source);
    const moved = now?.source !== source;
    // Those that it leads back to would be fed what they send.
    if (now !== undefined && (moved || now.advertisement.hops !== last?.advertisement.hops)) {
      track.exclude((one) => leadsBack(now, one));
    }
    if (!moved) return;
    if (now === undefined && asker !== undefined && this.#routes.length > 0) {
      track.close("unroutable");
      track.release();
    } else if (now === undefined && source === ending) track.conclude();
    else
      track.switch(now, last !== undefined && now !== undefined && sameContent(last.advertisement, now.advertisement));
  }
}

/** What a broadcast needs from the table it is in. */
export interface BroadcastHost extends Omit<TrackHost<Track>, "idle" | "unwatched"> {
  /** Its tracks are in use, wherever it is. Returns a release. */
  want(path: string): (() => void) | undefined;
  changed(broadcast: Broadcast): void;
  /** Nobody may need it any more. */
  idle(broadcast: Broadcast): void;
}
