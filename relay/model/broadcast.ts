import type { Source } from "./contract.ts";
import type { Reason } from "./reason.ts";
import { Track, type TrackHost } from "./track.ts";

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

/** One way to a broadcast. */
export interface Route {
  readonly advertisement: Advertisement;
  readonly source: Source;
}

interface Ranked extends Route {
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
  return b.generation - a.generation || x.cost - y.cost || x.hops.length - y.hops.length || b.order - a.order;
}

/** A path with its routes and the tracks in use. It may be waited for before it has a route. */
export class Broadcast {
  readonly path: string;
  readonly #host: BroadcastHost;
  readonly #tracks = new Map<string, Track>();
  #routes: Ranked[] = [];
  /** Held while there are tracks. */
  #release: (() => void) | undefined;
  #generations = 0;
  #orders = 0;

  constructor(path: string, host: BroadcastHost) {
    this.path = path;
    this.#host = host;
  }

  /**
   * The best route that does not pass through the hop `exclude` (moq-lite Origin parameter; 0 excludes nothing) and is not
   * by `source`: nobody is told of what came from itself.
   */
  route(exclude = 0n, source?: Source): Route | undefined {
    return this.#routes.find(
      (route) => route.source !== source && (exclude === 0n || !route.advertisement.hops.includes(exclude)),
    );
  }

  /** All ways to it, best first. */
  get routes(): readonly Route[] {
    return this.#routes;
  }

  get tracks(): number {
    return this.#tracks.size;
  }

  /** The track of that name, made when it is not there; nothing when there are too many. */
  track(name: string): Track | undefined {
    const known = this.#tracks.get(name);
    if (known !== undefined) return known;
    if (this.#tracks.size >= this.#host.limits.tracksPerBroadcast) {
      this.#host.counters.boundsHit.tracks_per_broadcast++;
      return undefined;
    }
    const track = new Track(this.path, name, {
      ...this.#host,
      wait: () => this.#host.wait(),
      stopWaiting: () => this.#host.stopWaiting(),
      idle: (idle) => {
        if (this.#tracks.get(name) !== idle) return;
        this.#tracks.delete(name);
        this.#rest();
        this.#host.idle(this);
      },
    });
    this.#tracks.set(name, track);
    track.switch(this.#routes[0], false);
    this.#release ??= this.#host.want(this.path);
    return track;
  }

  /** Adds a route, or replaces the one that `source` gave before. */
  advertise(source: Source, advertisement: Advertisement): void {
    const others = this.#routes.filter((route) => route.source !== source);
    const before = this.#routes.find((route) => route.source === source);
    const like = [before, ...others].find((route) => route && sameContent(route.advertisement, advertisement));
    const generation = like?.generation ?? ++this.#generations;
    this.#change([...others, { source, advertisement, generation, order: ++this.#orders }]);
  }

  /** Takes back what `source` gave. `lost`: its session is gone, so its subscriptions are, too. */
  withdraw(source: Source, lost: boolean): void {
    this.#change(
      this.#routes.filter((route) => route.source !== source),
      lost ? undefined : source,
    );
    this.#host.idle(this);
  }

  close(reason: Reason): void {
    for (const track of [...this.#tracks.values()]) track.close(reason);
    this.#tracks.clear();
    this.#rest();
  }

  #rest(): void {
    if (this.#tracks.size > 0) return;
    this.#release?.();
    this.#release = undefined;
  }

  /** `ending`: a source that took its route back, whose subscriptions conclude by themselves unless another takes over. */
  #change(routes: Ranked[], ending?: Source): void {
    const before = this.#routes[0];
    this.#routes = routes.sort(compare);
    const now = this.#routes[0];
    if (now?.source !== before?.source && !(now === undefined && before?.source === ending)) {
      const same = before !== undefined && now !== undefined && sameContent(before.advertisement, now.advertisement);
      for (const track of [...this.#tracks.values()]) track.switch(now, same);
    }
    this.#host.changed(this);
  }
}

/** What a broadcast needs from the table it is in. */
export interface BroadcastHost extends Omit<TrackHost, "idle"> {
  /** Its tracks are in use, wherever it is. Returns a release. */
  want(path: string): (() => void) | undefined;
  changed(broadcast: Broadcast): void;
  /** Nobody may need it any more. */
  idle(broadcast: Broadcast): void;
}
