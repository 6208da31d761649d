import type { Clock } from "../clock.ts";
import type { Counters, DropReason } from "../counters.ts";
import type { Reason } from "../reason.ts";
import { BoundedWait } from "./bounded-wait.ts";
import type { Asker, Source, SubscribeOptions, Subscriber, TrackInfo } from "./contract.ts";
import { Fetches } from "./fetches.ts";
import type { Group } from "./group.ts";
import { GroupStore, type StoredTrack } from "./group-store.ts";
import { Properties } from "./properties.ts";
import type { PublisherNumbering } from "./publisher-numbering.ts";
import type { SubscribedTrack } from "./subscribed-track.ts";
import { Subscription } from "./subscription.ts";
import type { TrackHost, TrackRoute, TrackStart } from "./track-host.ts";
import { TrackUpstream, type UpstreamHost } from "./track-upstream.ts";
import { type CacheUse, type TrackView, type ViewerView, viewOfTrack } from "./track-view.ts";
import { Unwatched } from "./unwatched.ts";

/**
 * One track of one broadcast at this relay: subscribed upstream once, however many viewers it has. It outlives publishers: the
 * groups of the next publisher are numbered above those that were sent.
 */
export class Track implements SubscribedTrack<Subscription> {
  readonly path: string;
  readonly name: string;
  readonly asker: Asker | undefined;
  readonly use: CacheUse = { hits: 0, misses: 0 };
  readonly fetches: Fetches;
  readonly #host: TrackHost<Track>;
  readonly #store: GroupStore;
  readonly #publisherWait: BoundedWait;
  readonly #subscriptions = new Set<Subscription>();
  readonly #properties: Properties;
  readonly #upstream: TrackUpstream;
  /** The publisher that feeds it, or will. */
  #route: TrackRoute | undefined;
  /** The epoch of that publisher, also after it withdrew its route. Unknown while the track waits for one. */
  #epoch: bigint | undefined;
  /** That publisher has lost the track upstream: the track waits for another publisher. */
  #routeLost = false;
  /** Whether the track is still needed is decided at the end of this turn. */
  #checksUse = false;
  readonly #unwatched: Unwatched;

  constructor(path: string, name: string, host: TrackHost<Track>, { asker, route }: TrackStart) {
    this.path = path;
    this.name = name;
    this.asker = asker;
    this.#route = route;
    this.#epoch = route?.advertisement.epoch;
    this.#host = host;
    this.#store = new GroupStore(host, this.#stored());
    this.fetches = new Fetches(path, name, this.#store, host, this.use, {
      other: (from, one) => host.other(this, from, one),
      source: () => this.#givingSource,
      upstream: () => this.#upstream,
      ended: () => this.#checkUse(),
    });
    this.#properties = new Properties(path, name);
    this.#upstream = new TrackUpstream(this.#upstreamHost());
    this.#unwatched = new Unwatched(host, this.#store, {
      source: () => this.#upstream.quietSource(this.#route),
      retire: () => this.#retire(),
    });
    this.#publisherWait = new BoundedWait(host);
  }

  get counters(): Counters {
    return this.#host.counters;
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  get priority(): number {
    return this.#host.terms().priority;
  }

  /** Its broadcast has other terms. */
  recharge(): void {
    this.#store.recharge();
  }

  lost(viewer: Asker | undefined, reason: DropReason, groups: number): void {
    this.#host.lost({ path: this.path, track: this.name, viewer, reason, groups });
  }

  /** For operators. */
  view(): TrackView {
    const { name: track, kept, use, source, feed } = this;
    const parts = { track, kept, use, source, subscribed: feed !== undefined, now: this.clock.now() };
    return viewOfTrack({ ...parts, store: this.#store, subscriptions: this.#subscriptions });
  }

  /** Its viewers, for operators. */
  *viewers(): Generator<ViewerView> {
    for (const subscription of this.#subscriptions) yield subscription.view();
  }

  get newest(): Group | undefined {
    return this.#store.newest;
  }

  get feed(): PublisherNumbering | undefined {
    return this.#upstream.feed;
  }

  /** The source of its route. */
  get source(): Source | undefined {
    return this.#route?.source;
  }

  /**
   * Its publisher has ended or refused it. Running subscriptions go on. The next request for a track of the same name gets another
   * track, with numbers and properties of its own.
   */
  get over(): boolean {
    return this.#upstream.over;
  }

  /** It stays subscribed without viewers, for its newest group. */
  get kept(): boolean {
    return this.#unwatched.kept;
  }

  /** Without viewers and without requests. */
  get idle(): boolean {
    return !this.#used && !this.fetches.busy;
  }

  /** The source that feeds it, also after it withdrew its route; else the source of the route. */
  get #givingSource(): Source | undefined {
    return this.feed?.source ?? this.#route?.source;
  }

  get #used(): boolean {
    return this.#subscriptions.size > 0 || this.#properties.awaited;
  }

  /** Whether a peer that asks for `epoch` may have it; undefined is any epoch. */
  serves(epoch: bigint | undefined): boolean {
    return epoch === undefined || this.#epoch === undefined || epoch === this.#epoch;
  }

  joinable(from: number, to: number): Group[] {
    return this.#store.joinable(from, to);
  }

  age(group: Group, reach = false): number {
    return reach ? this.#store.reachedAge(group) : this.#store.age(group);
  }

  /** Adds a viewer. `subscriber` is called for all that follows, possibly before this returns. */
  subscribe(options: SubscribeOptions, subscriber: Subscriber): Subscription {
    const subscription = new Subscription(this, options, subscriber);
    this.#subscriptions.add(subscription);
    this.counters.subscriptionsActive++;
    this.#host.usage.watch(1);
    this.counters.subscriptionsTotal++;
    this.#unwatched.stop();
    this.changed(options.newGroup);
    if (this.feed === undefined) this.#connect();
    if (this.#properties.known !== undefined && this.feed !== undefined) subscription.accept(this.#properties.known);
    return subscription;
  }

  /** Answers with the track's properties, or with a reason. Answers at once when they are known. Returns a cancel. */
  ask(answer: (result: TrackInfo | Reason) => void, asker?: Asker, epoch?: bigint): () => void {
    const known = this.#properties.of(this.#givingSource);
    if (known !== undefined) {
      answer(known);
      return () => {};
    }
    const leave = this.#properties.wait(answer, asker, epoch);
    this.#unwatched.stop();
    if (this.#route === undefined || this.#routeLost) this.#wait();
    else if (this.#route.source.hasInfo) this.#learn(this.#route.source);
    else if (this.feed === undefined) this.#connect();
    return () => {
      if (leave()) this.#checkUse();
    };
  }

  /**
   * Another route is the best one now, or there is none. `same`: it leads to the same content under the same numbers.
   * Groups that the old source has not finished are cut off.
   */
  switch(route: TrackRoute | undefined, same: boolean): void {
    const before = this.feed;
    this.#route = route;
    this.#routeLost = false;
    if (route === undefined) this.#epoch = undefined;
    if (this.over) return;
    this.#upstream.detach(route === undefined ? "upstream" : "replaced");
    this.#properties.cancel();
    if (!this.#used) {
      if (!same || this.kept) this.#retire();
      else if (before !== undefined) this.#checkUse();
      return;
    }
    if (route === undefined) {
      this.#wait();
      return;
    }
    this.#publisherWait.stop();
    if (this.#properties.awaited && route.source.hasInfo) this.#learn(route.source);
    this.#connect(same ? before : undefined);
  }

  /** Its source has withdrawn the broadcast: the subscription there ends by itself, and no new one begins. */
  conclude(): void {
    if (this.feed?.upstream === undefined || this.#subscriptions.size === 0) this.switch(undefined, false);
    else this.#route = undefined;
  }

  /** Its publisher has that epoch from now on: peers that ask for another one are refused. */
  enter(epoch: bigint): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    for (const one of [...this.#subscriptions]) if (!this.serves(one.epoch)) one.refuse("replaced");
    this.#properties.answer("replaced", (waiting) => !this.serves(waiting.epoch));
  }

  /** Refuses the peers that the route leads back to. */
  exclude(which: (asker: Asker) => boolean): void {
    for (const one of [...this.#subscriptions]) if (one.asker && which(one.asker)) one.refuse("unroutable");
    this.#properties.answer("unroutable", ({ asker }) => asker !== undefined && which(asker));
  }

  changed(newGroup?: number): void {
    this.#upstream.changed(newGroup);
  }

  /** Evicts every group that the cache keeps of it. Its viewers notice nothing; new ones begin with the next group. */
  purge(): void {
    this.#store.purge();
  }

  leave(subscription: Subscription): void {
    if (!this.#subscriptions.delete(subscription)) return;
    this.counters.subscriptionsActive--;
    this.#host.usage.watch(-1);
    this.changed();
    this.#checkUse();
  }

  /** Retires the track if it is idle. */
  release(): void {
    if (this.idle) this.#retire();
  }

  /** Ends all subscriptions and requests for a reason. */
  close(reason: Reason): void {
    this.#upstream.detach(reason);
    this.#fail(reason);
    this.#stopTimers();
    this.#store.clear();
  }

  /** The peers that use it. */
  *askers(): Generator<Asker | undefined> {
    for (const { asker } of this.#subscriptions) yield asker;
    yield* this.#properties.askers();
  }

  /** The peer on whose behalf a publisher is asked: any of those that use the track. */
  get #asker(): Asker | undefined {
    const [first] = this.askers();
    return first;
  }

  #stored(): StoredTrack {
    return {
      timescale: () => this.#properties.timescale,
      awaited: () => this.#properties.known === undefined && this.#subscriptions.size > 0,
      rescales: () => this.#upstream.feed?.rescales(this.#properties.timescale) ?? false,
      rescale: (timestamp) => this.#upstream.feed?.rescale(timestamp, this.#properties.timescale) ?? timestamp,
      begun: () => this.#host.sweeps.add(this),
      sent: (bytes) => this.#host.usage.sent(bytes),
      lacks: () => this.#host.sweeps.add(this),
      done: (group, live) => {
        this.#host.usage.received(group.payloadBytes);
        if (live && group.whole) this.feed?.completed(group.sequence);
        for (const subscription of [...this.#subscriptions]) subscription.groupDone();
        this.#checkUse();
      },
      forgotten: () => this.#checkUseSoon(),
    };
  }

  #upstreamHost(): UpstreamHost {
    const { clock, counters } = this.#host;
    return {
      path: this.path,
      name: this.name,
      clock,
      counters,
      store: this.#store,
      properties: this.#properties,
      subscriptions: this.#subscriptions,
      asker: () => this.#asker,
      learned: (source, info) => this.#learned(source, info),
      succeeded: () => this.#host.sweeps.add(this),
      lost: (reason) => this.#lost(reason),
      ended: () => this.#checkUse(),
    };
  }

  #connect(continued?: PublisherNumbering): void {
    const route = this.#route;
    if (route === undefined || this.#routeLost) {
      this.#wait();
      return;
    }
    this.#upstream.detach("replaced");
    // A viewer that was sent the old publisher's own numbers cannot go on with those of the new one.
    if (continued === undefined) {
      for (const one of [...this.#subscriptions]) if (one.sentOwnNumbers) one.refuse("upstream");
      if (!this.#used) return;
    }
    const { source } = route;
    const feed = this.#upstream.begin(route, continued);
    const known = this.#properties.of(source);
    if (known !== undefined) feed.timescale = known.timescale;
    // Viewers know the track's properties, which must not change: the relay learns the next publisher's before it subscribes.
    const first = this.#properties.known === undefined;
    if (source.hasInfo && known === undefined) this.#learn(source);
    if (first || known !== undefined || !source.hasInfo) this.#upstream.open(feed);
  }

  /**
   * The source has ended the track. For `upstream`, its session or its own publisher is gone: the track waits for another route.
   * For `no_capacity` another route is tried, once. For any other reason, the track's subscriptions and requests fail.
   */
  #lost(reason: Reason): void {
    const other = reason === "no_capacity" ? this.#host.another(this) : undefined;
    if (other !== undefined) {
      this.switch(other, false);
      return;
    }
    if (reason === "upstream") {
      this.#routeLost = true;
      this.#upstream.detach(reason);
      this.#wait();
    } else {
      const why = reason === "no_capacity" ? "unroutable" : reason;
      this.#upstream.refused(why);
      this.#fail(why);
    }
    this.#checkUse();
  }

  #learn(source: Source): void {
    this.#properties.request(source, this.#asker, (answer) => {
      if (typeof answer !== "string") this.#learned(source, answer);
      else if (source === this.#givingSource) this.#lost(answer);
    });
  }

  #learned(source: Source, info: TrackInfo): void {
    if (source !== this.#givingSource) return;
    const known = this.#properties.learn(source, info, this.#subscriptions.size > 0);
    const feed = this.feed;
    if (feed?.source === source) {
      feed.timescale = info.timescale;
      feed.upstream?.known?.();
      this.#upstream.open(feed);
    }
    this.#properties.answer(known);
    for (const subscription of [...this.#subscriptions]) subscription.accept(known);
    this.#store.repay();
    this.#checkUse();
  }

  #fail(reason: Reason): void {
    this.#properties.forget();
    this.#properties.answer(reason);
    for (const subscription of [...this.#subscriptions]) subscription.refuse(reason);
  }

  #wait(): void {
    if (!this.#used) {
      this.#checkUse();
      return;
    }
    const known = this.#properties.known !== undefined;
    const waits = this.#publisherWait.begin(this.#host.limits.subscribeWaitMs, () => {
      this.#fail(known ? "upstream" : "not_found");
      this.#checkUse();
    });
    if (waits) return;
    this.counters.boundsHit.waiting_subscriptions++;
    this.#fail("limit");
    this.#checkUse();
  }

  /** An unused track retires: after the linger when it is subscribed or its properties are known, else at once. */
  #checkUse(): void {
    if (this.#used || this.fetches.busy) return;
    this.#publisherWait.stop();
    if (this.feed !== undefined || this.#properties.requested || this.#properties.known !== undefined) {
      this.#unwatched.start();
      return;
    }
    if (this.#store.size === 0 || this.#route === undefined) this.#retire();
    // It was subscribed until it was refused. A group that was only fetched stays for as long as the cache keeps it.
    else if (this.newest !== undefined) this.#unwatched.start();
  }

  /**
   * A group was evicted, perhaps for a byte of another track's group. Its bytes are free by now; whether the track is still needed is
   * decided at the end of the turn, once for all groups that the turn evicted.
   */
  #checkUseSoon(): void {
    if (this.#checksUse || this.#used) return;
    this.#checksUse = true;
    this.#host.clock.soon(() => {
      this.#checksUse = false;
      this.#checkUse();
    });
  }

  /** Ends the track: no group of it is kept. */
  #retire(): void {
    this.#stopTimers();
    this.#properties.cancel();
    this.#upstream.detach("cancelled");
    this.#properties.forget();
    this.#store.retire();
    this.#host.idle(this);
  }

  #stopTimers(): void {
    this.#unwatched.stop();
    this.#publisherWait.stop();
    this.#host.sweeps.delete(this);
  }

  /** Judges older groups, a moment after a new one has begun. */
  sweep(): void {
    this.#store.expire(this.#properties.maxLatency);
    if (this.#store.abandon(this.#properties.maxLatency)) this.#host.sweeps.add(this);
    for (const subscription of [...this.#subscriptions]) subscription.sweep();
  }
}
