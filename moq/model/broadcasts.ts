import type { Clock } from "../clock.ts";
import { Counters } from "../counters.ts";
import { isUnder } from "../path.ts";
import type { Reason } from "../reason.ts";
import { Series } from "../series.ts";
import { Broadcast, type BroadcastHost } from "./broadcast.ts";
import { GroupCache } from "./cache.ts";
import type {
  Asker,
  Channel,
  FetchReader,
  OutStream,
  Source,
  SubscribeOptions,
  Subscriber,
  TrackInfo,
} from "./contract.ts";
import {
  type FetchTable,
  type FetchWhere,
  groupFetch,
  type RangeWhere,
  rangeFetch,
  startFetch,
} from "./fetch-requests.ts";
import type { BroadcastFinder } from "./finder.ts";
import { KeptTracks } from "./kept-tracks.ts";
import type { CacheOptions, ModelLimits } from "./limits.ts";
import { PathTree, prefixes } from "./path-tree.ts";
import { Policies, type RefusedTrack } from "./policies.ts";
import type { Policy } from "./policy/index.ts";
import { type Advertisement, bestRoute, type RankedRoute, type Route } from "./routes.ts";
import { Scheduler } from "./scheduler.ts";
import type { Subscription } from "./subscription.ts";
import { Sweeps } from "./sweeps.ts";
import type { Track } from "./track.ts";
import type { Loss } from "./track-view.ts";
import { BROADCAST_METRICS, broadcastReadings, type Figures, noFigures } from "./usage.ts";
import type { LargestObject } from "./viewer-range.ts";

/** Called on every change under its prefix. It asks the broadcast for the route that its peer may have. */
export interface Watcher {
  changed(broadcast: Broadcast): void;
  /** The routes of `prefix`, which the watched prefix is or is under, to what is under it have changed: see {@link Broadcasts.resolve}. */
  covered?(prefix: string): void;
  /** Every broadcast under the prefix that the finder can find is known by now. Called once at most, possibly from inside `watch`. */
  complete?(): void;
  /** Its peer wants the tracks that are pushed elsewhere as well: see `Advertisement.offered`. Absent: it does not. */
  readonly pushed?: boolean;
}

/** A route that a source has published, until the source ends it. */
export interface Publication {
  update(advertisement: Advertisement): void;
  /** The source asks its viewers to leave (GOAWAY): tracks that it feeds stay, and new ones go elsewhere. Absent where there is no media. */
  leave?(): void;
  /** `lost`: the source's session has ended, and all its subscriptions with it. */
  end(lost: boolean): void;
}

/** The broadcasts that this relay knows, and their watchers. One per process. */
export class Broadcasts {
  readonly counters: Counters;
  readonly cache: GroupCache;
  readonly policies: Policies;
  /** Shares the thread between the sessions. */
  readonly scheduler: Scheduler;
  /** Calls to watchers so far: a session pays for those that its own message caused. */
  watcherCalls = 0;
  /** Shared with every part of the model, which reads it at each use. */
  readonly #limits: ModelLimits;
  readonly #host: BroadcastHost;
  /** By path. Includes those that have no route yet and a subscription that waits for one. */
  readonly #broadcasts = new Map<string, Broadcast>();
  /** Those with a route, so that broadcasts without one cost nothing in a listing. */
  readonly #routed = new PathTree<Broadcast>();
  /** Those without a route of their own: a prefix may cover them. */
  readonly #unrouted = new PathTree<Broadcast>();
  /** Paths whose broadcasts have routes to what is under them. */
  readonly #covering = new Set<string>();
  /** By the prefix that they watch. */
  readonly #watchers = new PathTree<Set<Watcher>>();
  /** By the path of the one broadcast that they watch. */
  readonly #exactWatchers = new Map<string, Set<() => void>>();
  #finder: BroadcastFinder | undefined;
  readonly #kept: KeptTracks;
  /** What a fetch needs. */
  readonly #fetches: FetchTable = {
    isFindable: () => this.#finder !== undefined,
    routeOf: (path) => this.resolve(path),
    track: (path, name, asker, epoch) => this.#track(path, name, asker, epoch),
  };
  readonly #series: Series<Figures>;
  /** Publications that were refused for the bound and wait, first come, first served: at most as many as sessions may announce. */
  readonly #refused = new Set<() => void>();

  constructor(deps: {
    clock: Clock;
    limits: ModelLimits;
    cache: CacheOptions;
    counters?: Counters;
    /** Broadcasts with metrics of their own; none unless given. */
    series?: number;
    /** Called when a viewer loses groups. */
    lost?: (loss: Loss) => void;
    /** None unless given. */
    policies?: readonly Policy[];
    /** Called when a policy refuses a track. */
    refused?: (track: RefusedTrack) => void;
  }) {
    this.#limits = { ...deps.limits };
    this.counters = deps.counters ?? new Counters();
    this.cache = new GroupCache(deps.cache, this.counters);
    const { series = 0, policies = [], refused = () => {} } = deps;
    this.policies = new Policies({ cache: this.cache, counters: this.counters, policies, series, refused });
    this.#series = new Series(series, noFigures);
    this.counters.attach(BROADCAST_METRICS, () => broadcastReadings(this.#series));
    this.#kept = new KeptTracks(this.counters);
    this.scheduler = new Scheduler(deps.clock);
    this.#host = {
      clock: deps.clock,
      termsOf: (path) => this.policies.termsOf(path),
      takeTrack: (claim, track, asker) => this.policies.takeTrack(claim, track, asker),
      counters: this.counters,
      kept: this.#kept,
      sweeps: new Sweeps(deps.clock),
      lost: deps.lost ?? (() => {}),
      limits: this.#limits,
      wait: () => {
        if (this.counters.subscriptionsWaiting >= this.#limits.waitingSubscriptions) return false;
        this.counters.subscriptionsWaiting++;
        return true;
      },
      stopWaiting: () => {
        this.counters.subscriptionsWaiting--;
      },
      want: (path) => this.#finder?.wanting(path),
      wider: (path) => this.#wider(path),
      changed: (broadcast, ending) => this.#changed(broadcast, ending),
      idle: (broadcast) => this.#drop(broadcast),
    };
  }

  /**
   * Changes bounds, cache and policies; absent policies stay. What exceeds a lower bound now stays; only the cache evicts at once what no
   * longer fits.
   */
  reconfigure(
    limits: ModelLimits,
    cache: CacheOptions,
    policies: readonly Policy[] = this.policies.table.policies,
  ): void {
    Object.assign(this.#limits, limits);
    this.cache.reconfigure(cache);
    this.policies.reconfigure(policies, () => {
      for (const broadcast of this.#broadcasts.values()) broadcast.reviseTerms();
    });
  }

  /** Gives `finder` what sessions watch and want from now on. Called once at most, before the first session. */
  findWith(finder: BroadcastFinder): void {
    this.#finder = finder;
  }

  /** Broadcasts that have a route, at or under `prefix`. */
  *list(prefix = ""): Generator<Broadcast> {
    for (const broadcast of this.#routed.under(prefix)) if (broadcast.route() !== undefined) yield broadcast;
  }

  /** The broadcast at `path` itself, when it has a route. */
  broadcast(path: string): Broadcast | undefined {
    const broadcast = this.#broadcasts.get(path);
    return broadcast?.route() === undefined ? undefined : broadcast;
  }

  /** The best route to `path`: its own, or that of the longest prefix that covers it. The rest as {@link Broadcast.route} has it. */
  resolve(path: string, exclude = 0n, source?: Source): Route | undefined {
    const own = this.#broadcasts.get(path);
    if (own?.route() !== undefined) return own.route(exclude, source);
    return bestRoute(this.#wider(path), exclude, source);
  }

  /**
   * Adds a route to a broadcast, or tracks of it that `source` pushes: see `Advertisement.pushed`. Refused with `limit` when there are too
   * many broadcasts: see {@link whenRoom}.
   */
  publish(path: string, advertisement: Advertisement, source: Source): Publication | Reason {
    if (this.#routed.get(path) === undefined && this.#routed.size >= this.#limits.broadcasts) {
      this.counters.boundsHit.broadcasts++;
      return "limit";
    }
    const broadcast = this.#at(path);
    if (this.#routed.get(path) === undefined) broadcast.usage.show(this.#series.take(path));
    this.#routed.set(path, broadcast);
    this.counters.broadcastsActive = this.#routed.size;
    broadcast.advertise(source, advertisement);
    let over = false;
    return {
      update: (next) => {
        if (!over) broadcast.advertise(source, next);
      },
      leave: () => {
        if (!over) broadcast.leave(source);
      },
      end: (lost) => {
        if (over) return;
        over = true;
        broadcast.withdraw(source, advertisement.pushed !== undefined, lost);
        if (broadcast.route() !== undefined || this.#routed.get(path) !== broadcast) return;
        this.#routed.delete(path);
        const shown = broadcast.usage.show(undefined);
        if (shown !== undefined) this.#series.release(path, shown);
        this.counters.broadcastsActive = this.#routed.size;
        this.#makeRoom();
      },
    };
  }

  /**
   * Calls `callback` once there is a place for another broadcast: first come, first served. The callback publishes what was refused;
   * when it publishes nothing, the next in line gets the place. Returns a cancel.
   */
  whenRoom(callback: () => void): () => void {
    this.#refused.add(callback);
    return () => this.#refused.delete(callback);
  }

  /**
   * Calls `watcher` on changes under `prefix`, from now on. `interests` are the parts of the prefix that its peer may have; the finder
   * is asked for those alone. Returns a stop.
   */
  watch(prefix: string, watcher: Watcher, interests: readonly string[] = [prefix]): () => void {
    const set = this.#watchers.get(prefix) ?? new Set();
    this.#watchers.set(prefix, set.add(watcher));
    this.counters.watchers++;
    let unknown = this.#finder === undefined ? 0 : interests.length;
    const known = () => {
      unknown -= 1;
      if (unknown === 0) watcher.complete?.();
    };
    const releases = interests.map((one) => this.#finder?.watching(one, known, watcher.pushed === true));
    if (releases.length === 0 || this.#finder === undefined) watcher.complete?.();
    return () => {
      for (const release of releases.splice(0)) release?.();
      if (set.delete(watcher)) this.counters.watchers--;
      if (set.size === 0 && this.#watchers.get(prefix) === set) this.#watchers.delete(prefix);
    };
  }

  /** Calls `changed` on changes of the broadcast at `path` itself, from now on. Returns a stop. */
  watchOne(path: string, changed: () => void): () => void {
    const set = this.#exactWatchers.get(path) ?? new Set();
    // A function of its own, so that one callback may watch a path twice.
    const watcher = () => changed();
    this.#exactWatchers.set(path, set.add(watcher));
    return () => {
      set.delete(watcher);
      if (set.size === 0 && this.#exactWatchers.get(path) === set) this.#exactWatchers.delete(path);
    };
  }

  /** Subscribes to a track, and waits for its broadcast if need be. Returns nothing when it was refused, through `subscriber`. */
  subscribe(path: string, track: string, options: SubscribeOptions, subscriber: Subscriber): Subscription | undefined {
    const found = this.#track(path, track, subscriber.asker, subscriber.epoch);
    if (typeof found !== "string") return found.subscribe(options, subscriber);
    this.counters.subscriptionsRefused++;
    subscriber.closed(found);
    return undefined;
  }

  /** Asks for a track's properties, and waits for its broadcast if need be. `epoch`: as `Subscriber` has it. Returns a cancel. */
  info(
    path: string,
    track: string,
    answer: (result: TrackInfo | Reason) => void,
    asker?: Asker,
    epoch?: bigint,
  ): () => void {
    const found = this.#track(path, track, asker, epoch);
    if (typeof found !== "string") return found.ask(answer, asker, epoch);
    answer(found);
    return () => {};
  }

  /** The hop id of `asker` has just become known: its subscriptions that lead back to it are refused. */
  recheck(path: string, asker: Asker): void {
    this.#broadcasts.get(path)?.recheck(asker);
  }

  /**
   * Sends one group to `stream` as frames without a group header, and calls `over` once the stream is finished or reset, with the bytes of
   * payload that were sent. Returns a cancel.
   */
  fetch(
    where: FetchWhere & { sequence: number },
    channel: Channel,
    stream: OutStream,
    over: (payloadBytes: number) => void,
  ): () => void {
    return startFetch(this.#fetches, where, groupFetch(where, channel, stream, over));
  }

  /**
   * Sends the objects of a range to `reader`, in the order of the range: from the cache, and else from the source, where one fetch serves all
   * that ask for the same. Waits for objects of groups that have begun and not ended. Calls `over` once `reader` was finished or reset, with
   * the bytes of payload that were sent. Returns a cancel.
   *
   * - Where the source has no objects, `reader` gets a gap, and the fetch goes on.
   * - It is reset with the reason where the source refuses all of the range, and with `limit` where the range is too long.
   */
  fetchRange(where: RangeWhere, reader: FetchReader, over: (payloadBytes: number) => void): () => void {
    return startFetch(this.#fetches, where, rangeFetch(where, reader, over));
  }

  /** `source` allows no more streams and a request waits for one: tracks without viewers give theirs back. False when there are none. */
  makeRoom(source: Source): boolean {
    return this.#kept.release(source);
  }

  /** The newest object of a track that is in use, in its publisher's own numbers. Nothing where none is known. */
  largest(path: string, track: string): LargestObject | undefined {
    return this.#broadcasts.get(path)?.largest(track);
  }

  /** Evicts what the cache keeps of the broadcasts at or under `prefix`, or of their tracks named `track`. Returns what it freed. */
  purge(prefix: string, track?: string): { readonly groups: number; readonly bytes: number } {
    const { cacheGroups: groups, cacheBytes: bytes } = this.counters;
    for (const broadcast of [...this.#broadcasts.values()]) {
      if (isUnder(broadcast.path, prefix)) broadcast.purge(track);
    }
    return { groups: groups - this.counters.cacheGroups, bytes: bytes - this.counters.cacheBytes };
  }

  /** Ends everything. */
  close(reason: Reason): void {
    for (const broadcast of [...this.#broadcasts.values()]) broadcast.close(reason);
  }

  #track(path: string, name: string, asker: Asker | undefined, epoch: bigint | undefined): Track | Reason {
    // Requests for ever more paths under one prefix must not add up.
    const covered = this.#broadcasts.size - this.#routed.size;
    if (covered >= this.#limits.broadcasts && !this.#broadcasts.has(path) && this.#wider(path).length > 0) {
      this.counters.boundsHit.broadcasts++;
      return "limit";
    }
    const broadcast = this.#at(path);
    const found = broadcast.track(name, asker, epoch);
    if (typeof found === "string") this.#drop(broadcast);
    return found;
  }

  /**
   * A broadcast without a route of its own has a track that waits, so the bound on waiting subscriptions bounds their number; or its path
   * is covered by a prefix, and there are at most as many as `broadcasts` allows.
   */
  #at(path: string): Broadcast {
    const known = this.#broadcasts.get(path);
    if (known !== undefined) return known;
    const broadcast = new Broadcast(path, this.#host);
    this.#broadcasts.set(path, broadcast);
    this.#unrouted.set(path, broadcast);
    return broadcast;
  }

  #wider(path: string): readonly RankedRoute[] {
    if (this.#covering.size === 0) return [];
    for (const prefix of [...prefixes(path)].toReversed()) {
      if (prefix === path || !this.#covering.has(prefix)) continue;
      const routes = this.#routed.get(prefix)?.widerRoutes(path) ?? [];
      if (routes.length > 0) return routes;
    }
    return [];
  }

  /** Passes a change of routes on to the paths that they cover. */
  #cover(broadcast: Broadcast, ending: Source | undefined): void {
    const { path } = broadcast;
    if (broadcast.routes.length > 0) this.#unrouted.delete(path);
    else if (this.#broadcasts.get(path) === broadcast) this.#unrouted.set(path, broadcast);
    const covers = broadcast.widerRoutes().length > 0;
    if (!covers && !this.#covering.has(path)) return;
    if (covers) this.#covering.add(path);
    else this.#covering.delete(path);
    for (const one of [...this.#unrouted.under(path)]) if (one.path !== path) one.widen(ending);
    for (const watchers of [...this.#watchers.under(path)]) {
      for (const watcher of [...watchers]) {
        this.watcherCalls++;
        watcher.covered?.(path);
      }
    }
  }

  #makeRoom(): void {
    // A callback that is refused again joins the end of the line, and this loop leaves it for the next place.
    let left = this.#refused.size;
    for (const callback of this.#refused) {
      if (left-- === 0 || this.#routed.size >= this.#limits.broadcasts) return;
      this.#refused.delete(callback);
      callback();
    }
  }

  #changed(broadcast: Broadcast, ending: Source | undefined): void {
    this.#cover(broadcast, ending);
    this.#finder?.routed(broadcast);
    const exact = this.#exactWatchers.get(broadcast.path);
    if (exact !== undefined) {
      this.watcherCalls += exact.size;
      for (const changed of [...exact]) changed();
    }
    for (const prefix of prefixes(broadcast.path)) {
      const watchers = this.#watchers.get(prefix);
      if (watchers === undefined) continue;
      this.watcherCalls += watchers.size;
      for (const watcher of [...watchers]) watcher.changed(broadcast);
    }
  }

  #drop(broadcast: Broadcast): void {
    if (broadcast.route() !== undefined || broadcast.tracks > 0) return;
    if (this.#broadcasts.get(broadcast.path) !== broadcast) return;
    this.#broadcasts.delete(broadcast.path);
    this.#unrouted.delete(broadcast.path);
  }
}
