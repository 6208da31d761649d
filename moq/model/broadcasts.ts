import type { Clock } from "../clock.ts";
import { Counters } from "../counters.ts";
import type { Reason } from "../reason.ts";
import { type Advertisement, Broadcast, type BroadcastHost } from "./broadcast.ts";
import { GroupCache } from "./cache.ts";
import type { Asker, Channel, OutStream, Source, SubscribeOptions, Subscriber, TrackInfo } from "./contract.ts";
import { KeptTracks } from "./kept-tracks.ts";
import type { CacheOptions, ModelLimits } from "./limits.ts";
import { PathTree, prefixes } from "./path-tree.ts";
import { Scheduler } from "./scheduler.ts";
import type { Subscription } from "./subscription.ts";
import type { Track } from "./track.ts";

/** Told of every change under its prefix; it asks the broadcast for the route that is fit for its peer. */
export interface Watcher {
  changed(broadcast: Broadcast): void;
  /** Called at most once, possibly from inside `watch`: what there is elsewhere under its prefix is known by now. */
  complete?(): void;
}

/** A route that a source gave, until it ends it. */
export interface Publication {
  update(advertisement: Advertisement): void;
  /** Its source asked us to leave: it is for those who have it already, and for nobody new. Absent where there is no media. */
  leave?(): void;
  /** `lost`: the session went with it. */
  end(lost: boolean): void;
}

/** Finds broadcasts that no session of this relay has announced. The mesh is one. */
export interface BroadcastFinder {
  /** Sessions watch for what is under `prefix`; `complete` is called once, when all of it is known. Returns a release. */
  watching(prefix: string, complete: () => void): () => void;
  /** Tracks of the broadcast are in use, or waited for. Returns a release. */
  wanting(path: string): () => void;
  /** The routes of the broadcast changed. */
  routed(broadcast: Broadcast): void;
}

/** The broadcasts that this relay knows, and whoever watches for them. One per process. */
export class Broadcasts {
  readonly counters: Counters;
  readonly cache: GroupCache;
  /** Shares the thread between the sessions. */
  readonly scheduler: Scheduler;
  /** Calls to watchers so far: a session pays for those that its own message caused. */
  watcherCalls = 0;
  readonly #limits: ModelLimits;
  readonly #host: BroadcastHost;
  /** Those that are only waited for included. */
  readonly #broadcasts = new Map<string, Broadcast>();
  /** Those with a route: what is only waited for costs nothing where they are listed. */
  readonly #routed = new PathTree<Broadcast>();
  /** By the prefix that they watch. */
  readonly #watchers = new Map<string, Set<Watcher>>();
  /** By the path of the one broadcast that they watch. */
  readonly #exactWatchers = new Map<string, Set<() => void>>();
  #finder: BroadcastFinder | undefined;
  readonly #kept: KeptTracks;
  #waitingCount = 0;
  /** Publications that found no place, in the order of their coming: at most as many as sessions may announce. */
  readonly #refused = new Set<() => void>();

  constructor(deps: {
    clock: Clock;
    limits: ModelLimits;
    cache: CacheOptions;
    counters?: Counters;
  }) {
    this.#limits = deps.limits;
    this.counters = deps.counters ?? new Counters();
    this.cache = new GroupCache(deps.cache, this.counters);
    this.#kept = new KeptTracks(this.counters);
    this.scheduler = new Scheduler(deps.clock);
    this.#host = {
      clock: deps.clock,
      cache: this.cache,
      counters: this.counters,
      kept: this.#kept,
      limits: deps.limits,
      wait: () => {
        if (this.#waitingCount >= this.#limits.waitingSubscriptions) return false;
        this.#waitingCount++;
        return true;
      },
      stopWaiting: () => {
        this.#waitingCount--;
      },
      want: (path) => this.#finder?.wanting(path),
      changed: (broadcast) => this.#changed(broadcast),
      idle: (broadcast) => this.#drop(broadcast),
    };
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

  /** Takes in a route to a broadcast; refused with `limit` when there are too many broadcasts: see {@link whenRoom}. */
  publish(path: string, advertisement: Advertisement, source: Source): Publication | Reason {
    if (this.#routed.get(path) === undefined && this.#routed.size >= this.#limits.broadcasts) {
      this.counters.boundsHit.broadcasts++;
      return "limit";
    }
    const broadcast = this.#at(path);
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
        broadcast.withdraw(source, lost);
        if (broadcast.route() !== undefined || this.#routed.get(path) !== broadcast) return;
        this.#routed.delete(path);
        this.counters.broadcastsActive = this.#routed.size;
        this.#makeRoom();
      },
    };
  }

  /**
   * Calls `callback` once there is a place for another broadcast: first come, first served. It publishes what was refused, or is
   * of no more use and leaves the place to the next. Returns a way out of the line.
   */
  whenRoom(callback: () => void): () => void {
    this.#refused.add(callback);
    return () => this.#refused.delete(callback);
  }

  /**
   * Calls `watcher` on changes under `prefix`, from now on. `interests` are the parts of it that it may have: only they are
   * looked for elsewhere. Returns a stop.
   */
  watch(prefix: string, watcher: Watcher, interests: readonly string[] = [prefix]): () => void {
    const set = this.#watchers.get(prefix) ?? new Set();
    this.#watchers.set(prefix, set.add(watcher));
    let unknown = this.#finder === undefined ? 0 : interests.length;
    const known = () => {
      unknown -= 1;
      if (unknown === 0) watcher.complete?.();
    };
    const releases = interests.map((one) => this.#finder?.watching(one, known));
    if (releases.length === 0 || this.#finder === undefined) watcher.complete?.();
    return () => {
      for (const release of releases.splice(0)) release?.();
      set.delete(watcher);
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

  /** Subscribes to a track, waiting for its broadcast when it is not there yet; nothing when refused through `subscriber`. */
  subscribe(path: string, track: string, options: SubscribeOptions, subscriber: Subscriber): Subscription | undefined {
    const found = this.#track(path, track, subscriber.asker);
    if (typeof found !== "string") return found.subscribe(options, subscriber);
    this.counters.subscriptionsRefused++;
    subscriber.closed(found);
    return undefined;
  }

  /** Asks for a track's properties, waiting for its broadcast when it is not there yet. Returns a cancel. */
  info(path: string, track: string, answer: (result: TrackInfo | Reason) => void, asker?: Asker): () => void {
    const found = this.#track(path, track, asker);
    if (typeof found !== "string") return found.ask(answer, asker);
    answer(found);
    return () => {};
  }

  /** The hop id of `asker` is known only now: what it gets through itself is refused. */
  recheck(path: string, asker: Asker): void {
    this.#broadcasts.get(path)?.recheck(asker);
  }

  /** Sends one group to `stream` as bare frames, and calls `over` once it was finished or reset. Returns a cancel. */
  fetch(
    where: { path: string; track: string; sequence: number; priority: number; ownNumbers?: boolean } & Pick<
      Subscriber,
      "asker" | "later"
    >,
    channel: Channel,
    stream: OutStream,
    over: () => void,
  ): () => void {
    const refuse = (reason: Reason) => {
      stream.reset(channel.dialect.resetCode(reason));
      over();
      return () => {};
    };
    const route = this.broadcast(where.path)?.route();
    if (route === undefined && this.#finder === undefined) return refuse("not_found");
    const { sequence: number, priority, ownNumbers: own = false, asker } = where;
    const track = this.#track(where.path, where.track, asker);
    if (typeof track === "string") return refuse(track);
    const fetch = () => track.fetch({ number, own, priority, asker, later: where.later }, channel, stream, over);
    if (route !== undefined && route.leaving !== true) return fetch();
    // It may be elsewhere: the track's properties come when it was found.
    let cancel = () => {};
    const leave = track.ask((answer) => {
      cancel = typeof answer === "string" ? refuse(answer) : fetch();
    }, asker);
    return () => {
      leave();
      cancel();
    };
  }

  /** A request has to wait, because `source` allows no more streams: tracks without viewers give theirs back. False when there are none. */
  makeRoom(source: Source): boolean {
    return this.#kept.release(source);
  }

  /** Ends everything. */
  close(reason: Reason): void {
    for (const broadcast of [...this.#broadcasts.values()]) broadcast.close(reason);
  }

  #track(path: string, name: string, asker: Asker | undefined): Track | Reason {
    const broadcast = this.#at(path);
    const found = broadcast.track(name, asker);
    if (typeof found === "string") this.#drop(broadcast);
    return found;
  }

  /** Those that are only waited for are as many as the bound on waiting allows: each has a track that waits. */
  #at(path: string): Broadcast {
    const known = this.#broadcasts.get(path);
    if (known !== undefined) return known;
    const broadcast = new Broadcast(path, this.#host);
    this.#broadcasts.set(path, broadcast);
    return broadcast;
  }

  #makeRoom(): void {
    // Those that are refused once more go to the end of the line, and wait for the next place.
    let left = this.#refused.size;
    for (const callback of this.#refused) {
      if (left-- === 0 || this.#routed.size >= this.#limits.broadcasts) return;
      this.#refused.delete(callback);
      callback();
    }
  }

  #changed(broadcast: Broadcast): void {
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
    if (this.#broadcasts.get(broadcast.path) === broadcast) this.#broadcasts.delete(broadcast.path);
  }
}
