import type { Clock } from "../clock.ts";
import type { GroupCache } from "./cache.ts";
import type { Channel, GroupWriter, OutStream, Source, SubscribeOptions, Subscriber, TrackInfo } from "./contract.ts";
import type { Counters } from "./counters.ts";
import { Feed, SentGroups } from "./feed.ts";
import { Fetches } from "./fetches.ts";
import type { Group, GroupHost } from "./group.ts";
import { GroupStore } from "./group-store.ts";
import type { ModelLimits } from "./limits.ts";
import { mergeOptions, type Numbering, sameOptions } from "./merge.ts";
import { Patience } from "./patience.ts";
import type { Reason } from "./reason.ts";
import { type SubscribedTrack, Subscription } from "./subscription.ts";

/** What a track needs from its broadcast and the process. */
export interface TrackHost {
  readonly clock: Clock;
  readonly cache: GroupCache;
  readonly counters: Counters;
  readonly limits: ModelLimits;
  /** Takes a place among those that wait for a publisher; false when all are taken. */
  wait(): boolean;
  stopWaiting(): void;
  /** Nothing refers to the track any more. */
  idle(track: Track): void;
}

/** Where a track is to be had: a source, and which publisher of the path that is. */
export interface TrackRoute {
  readonly source: Source;
  readonly generation: number;
}

/** A group that is asked for by its number: its publisher's `own`, or this track's. */
export interface Wanted {
  readonly number: number;
  readonly own: boolean;
  readonly priority: number;
}

/** Milliseconds after a new group until older ones that are still queued are judged: what left with it gets through. */
const SWEEP_DELAY_MS = 100;

/** Milliseconds that the last groups of a track have to begin after its subscription was ended. */
const END_GRACE_MS = 500;

/** Timescale of tracks whose publisher sends no timestamps: milliseconds of arrival. */
const ARRIVAL_TIMESCALE = 1000;

/** Asked for when somebody wants the track's properties and its version tells them only to subscribers. */
const LATEST: SubscribeOptions = { priority: 0, ordered: false, maxLatency: 0 };

/**
 * One track of one broadcast at this relay: subscribed upstream once however many subscribe here. It outlives
 * publishers: when another takes the path, its groups go on above those that were sent.
 */
export class Track implements SubscribedTrack {
  readonly path: string;
  readonly name: string;
  readonly #host: TrackHost;
  readonly #store: GroupStore;
  readonly #fetches: Fetches;
  readonly #patience: Patience;
  readonly #subscriptions = new Set<Subscription>();
  readonly #askers = new Set<(answer: TrackInfo | Reason) => void>();
  readonly #sent = new SentGroups();
  #route: TrackRoute | undefined;
  #feed: Feed | undefined;
  #info: TrackInfo | undefined;
  /** Where `#info` came from, so that another publisher is asked anew. */
  #informed: Source | undefined;
  #cancelInfo: (() => void) | undefined;
  #asked: SubscribeOptions | undefined;
  #ended: number | undefined;
  #cancelLinger: (() => void) | undefined;
  #cancelSweep: (() => void) | undefined;
  readonly #since: number;

  constructor(path: string, name: string, host: TrackHost) {
    this.path = path;
    this.name = name;
    this.#host = host;
    this.#since = host.clock.now();
    this.#store = new GroupStore(host, this.#groupHost());
    this.#fetches = new Fetches(path, name, this.#store, host.counters);
    this.#patience = new Patience(
      host.clock,
      () => host.wait(),
      () => host.stopWaiting(),
    );
  }

  get counters(): Counters {
    return this.#host.counters;
  }

  get newest(): Group | undefined {
    return this.#store.newest;
  }

  get first(): number | undefined {
    return this.#feed?.first;
  }

  get offset(): number | undefined {
    return this.#feed?.offset;
  }

  get lowest(): number {
    return this.#feed?.lowest ?? 0;
  }

  joinable(from: number, to: number): Group[] {
    return this.#store.joinable(from, to);
  }

  age(group: Group): number {
    return this.#store.age(group, this.#timescale);
  }

  /** Adds a viewer. It is told all the rest through `subscriber`, perhaps before this returns. */
  subscribe(options: SubscribeOptions, subscriber: Subscriber): Subscription {
    const subscription = new Subscription(this, options, subscriber);
    this.#subscriptions.add(subscription);
    this.counters.subscriptionsActive++;
    this.counters.subscriptionsTotal++;
    this.#stopLinger();
    if (this.#feed === undefined || this.#ended !== undefined) this.#connect();
    else this.changed();
    if (this.#info !== undefined && this.#feed !== undefined) subscription.accept(this.#info);
    return subscription;
  }

  /** Answers with the track's properties, or why there are none; at once when they are known. */
  ask(answer: (result: TrackInfo | Reason) => void): () => void {
    if (this.#info !== undefined && this.#route?.source === this.#informed) {
      answer(this.#info);
      return () => {};
    }
    this.#askers.add(answer);
    this.#stopLinger();
    if (this.#route === undefined) this.#wait();
    else if (this.#route.source.hasInfo) this.#learn(this.#route.source);
    else if (this.#feed === undefined) this.#connect();
    return () => {
      if (this.#askers.delete(answer)) this.#rest();
    };
  }

  /** Sends one group to `stream` when it is here, else fetches it; `over` is called at the end. Returns a cancel. */
  fetch({ number, own, priority }: Wanted, channel: Channel, stream: OutStream, over: () => void): () => void {
    const source = this.#route?.source;
    const offset = this.#feed !== undefined && this.#feed.source === source ? (this.#feed.offset ?? 0) : 0;
    const sequence = own ? number + offset : number;
    // Else it would get another publisher's group.
    if (own && sequence < this.lowest) return this.#fetches.refuse({ channel, stream, over }, "not_found");
    return this.#fetches.fetch({ sequence, priority, channel, stream, offset, source, over });
  }

  /**
   * The path has another publisher, or none. `same` says that it sends the same content under the same numbers.
   * What the old one began and has not finished is cut off.
   */
  switch(route: TrackRoute | undefined, same: boolean): void {
    const before = this.#feed;
    this.#route = route;
    if (before === undefined && this.#subscriptions.size === 0 && this.#askers.size === 0) return;
    this.#detach(route === undefined ? "upstream" : "replaced");
    this.#cancelInfo?.();
    this.#cancelInfo = undefined;
    if (route === undefined) {
      this.#wait();
      return;
    }
    this.#patience.stop();
    if (this.#askers.size > 0 && route.source.hasInfo) this.#learn(route.source);
    if (this.#subscriptions.size > 0 || this.#askers.size > 0) this.#connect(same ? before : undefined);
    else this.#rest();
  }

  changed(): void {
    const feed = this.#feed;
    if (feed?.upstream === undefined || this.#asked === undefined) return;
    const start = feed.offset === undefined ? undefined : this.#asked.start;
    const wanted = mergeOptions(this.#subscriptions, start, this.#numbering(feed));
    if (wanted === undefined || sameOptions(wanted, this.#asked)) return;
    this.#asked = wanted;
    feed.upstream.update(wanted);
  }

  leave(subscription: Subscription): void {
    if (!this.#subscriptions.delete(subscription)) return;
    this.counters.subscriptionsActive--;
    this.changed();
    this.#rest();
  }

  /** Ends everything, for a reason. */
  close(reason: Reason): void {
    this.#detach(reason);
    this.#fail(reason);
    this.#stopLinger();
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    this.#patience.stop();
    this.#store.clear();
  }

  get #timescale(): number {
    return this.#info?.timescale ?? ARRIVAL_TIMESCALE;
  }

  #groupHost(): GroupHost {
    return {
      cache: this.#host.cache,
      counters: this.#host.counters,
      limits: this.#host.limits,
      now: () => this.#host.clock.now(),
      stamp: () => Math.round(((this.#host.clock.now() - this.#since) * this.#timescale) / 1000),
      awaited: () => this.#info === undefined && this.#subscriptions.size > 0,
      rescale: (timestamp) => this.#feed?.rescale(timestamp, this.#timescale) ?? timestamp,
      begun: () => this.#sweepSoon(),
      done: (group) => {
        const feed = this.#feed;
        if (group.subgroup.whole && feed?.offset !== undefined) {
          feed.whole = Math.max(feed.whole, group.sequence - feed.offset);
        }
        this.#store.settle(group);
        for (const subscription of [...this.#subscriptions]) subscription.settled();
        this.#rest();
      },
      forgotten: (group) => {
        this.#store.forget(group);
        this.#rest();
      },
    };
  }

  #connect(continued?: Feed): void {
    const route = this.#route;
    if (route === undefined) {
      this.#wait();
      return;
    }
    this.#detach("replaced");
    this.#ended = undefined;
    // What they were sent has numbers that do not go on.
    if (continued === undefined) {
      for (const one of [...this.#subscriptions]) if (one.numbered) one.refuse("upstream");
      if (this.#subscriptions.size + this.#askers.size === 0) return;
    }
    const { source, generation } = route;
    const whole = this.#sent.of(generation);
    const offset = continued?.offset;
    const lowest = continued?.lowest;
    const feed = new Feed(source, generation, {
      ...(offset === undefined ? {} : { offset }),
      ...(lowest === undefined ? {} : { lowest }),
      ...(whole === undefined ? {} : { whole }),
    });
    this.#feed = feed;
    this.counters.tracksActive++;
    const known = this.#informed === source && this.#info !== undefined;
    if (known) feed.timescale = this.#info?.timescale;
    // A track whose properties the viewers know must not change them: those of another publisher are awaited.
    const first = this.#info === undefined;
    if (source.hasInfo && !known) this.#learn(source);
    if (first || known || !source.hasInfo) this.#open(feed);
  }

  #open(feed: Feed): void {
    if (!feed.alive || feed.upstream !== undefined) return;
    const { offset } = feed;
    const resume = offset !== undefined && this.newest !== undefined ? this.newest.sequence + 1 - offset : undefined;
    const options = mergeOptions(this.#subscriptions, resume, this.#numbering(feed)) ?? LATEST;
    this.#asked = options;
    this.counters.upstreamSubscriptions++;
    feed.upstream = feed.source.subscribe(this.path, this.name, options, {
      info: (info) => this.#learned(feed.source, info),
      started: (sequence) => feed.starts(sequence),
      group: (sequence) => this.#group(feed, sequence),
      datagram: (sequence, timestamp, payload) => this.#datagram(feed, sequence, timestamp, payload),
      dropped: () => {},
      ended: (end) => {
        if (feed.alive) this.#ended = end + (feed.offset ?? 0);
      },
      closed: (reason) => this.#closed(feed, reason),
    });
    if (!feed.alive) feed.upstream.cancel();
  }

  /** Where nothing came before, its first group keeps its number. */
  #numbering({ offset }: Feed): Numbering {
    return { offset: offset ?? (this.newest === undefined ? 0 : undefined) };
  }

  #group(feed: Feed, theirs: number): GroupWriter | Reason {
    if (!feed.alive) return "cancelled";
    const sequence = feed.place(theirs, this.newest?.sequence);
    if (sequence === undefined) {
      if (!feed.exhausted) return "duplicate";
      // Viewers that ask again see a track that is numbered from this publisher on.
      this.#lost("replaced");
      return "replaced";
    }
    const group = this.#store.open(sequence, this.#info?.maxLatency ?? 0);
    if (typeof group === "string") return group;
    this.counters.groupsIn++;
    for (const subscription of [...this.#subscriptions]) subscription.offer(group);
    if (this.#store.size > 1) this.#sweepSoon();
    return group.subgroup;
  }

  #datagram(feed: Feed, theirs: number, timestamp: number, payload: Uint8Array): void {
    if (!feed.alive) return;
    this.counters.datagramsIn++;
    const sequence = feed.place(theirs, this.newest?.sequence);
    if (sequence === undefined) return;
    const scaled = feed.rescale(timestamp, this.#timescale);
    for (const subscription of this.#subscriptions) subscription.datagram(sequence, scaled, payload);
  }

  /** The source ended the subscription: the track is over, was refused, or its session went. */
  #closed(feed: Feed, reason: Reason | undefined): void {
    if (!feed.alive) return;
    if (reason === undefined) {
      const announced = this.#ended;
      if (announced !== undefined && this.#next() >= announced) {
        this.#end(feed);
        return;
      }
      // Its last groups may still be on their way: their streams race with the one that just ended.
      this.#ended ??= this.#next();
      this.#host.clock.timer(END_GRACE_MS, () => this.#end(feed));
      return;
    }
    // Its session is gone, or its own publisher is: another route takes over, if one comes.
    if (reason === "upstream" && this.#route?.source === feed.source) this.#route = undefined;
    this.#lost(reason);
  }

  /** What the current source was to give will not come from it. */
  #lost(reason: Reason): void {
    this.#detach(reason);
    if (reason === "upstream") this.#wait();
    else this.#fail(reason);
    this.#rest();
  }

  /** The sequence after the newest group. */
  #next(): number {
    return this.newest === undefined ? 0 : this.newest.sequence + 1;
  }

  #end(feed: Feed): void {
    if (!feed.alive) return;
    const end = Math.max(this.#ended ?? 0, this.#next());
    this.#ended = end;
    for (const subscription of [...this.#subscriptions]) {
      if (this.#info !== undefined) subscription.accept(this.#info);
      subscription.ended(end);
    }
    this.#rest();
  }

  #learn(source: Source): void {
    if (this.#cancelInfo !== undefined) return;
    let answered = false;
    const cancel = source.info(this.path, this.name, (answer) => {
      answered = true;
      this.#cancelInfo = undefined;
      if (typeof answer !== "string") this.#learned(source, answer);
      else if (source === this.#route?.source) this.#lost(answer);
    });
    if (!answered) this.#cancelInfo = cancel;
  }

  #learned(source: Source, info: TrackInfo): void {
    if (source !== this.#route?.source) return;
    this.#informed = source;
    // What viewers were told stays true for as long as there are viewers (moq-lite TRACK_INFO).
    if (this.#info === undefined || this.#subscriptions.size === 0) this.#info = info;
    const feed = this.#feed;
    if (feed?.source === source) {
      feed.timescale = info.timescale;
      this.#open(feed);
    }
    const known = this.#info;
    for (const asker of [...this.#askers]) {
      this.#askers.delete(asker);
      asker(known);
    }
    for (const subscription of [...this.#subscriptions]) subscription.accept(known);
    this.#store.repay();
    this.#rest();
  }

  #detach(reason: Reason): void {
    const feed = this.#feed;
    if (feed === undefined) return;
    this.#feed = undefined;
    feed.alive = false;
    this.#asked = undefined;
    this.counters.tracksActive--;
    feed.upstream?.cancel();
    this.#sent.remember(feed);
    this.#store.cutOff(reason);
  }

  #fail(reason: Reason): void {
    this.#info = undefined;
    this.#informed = undefined;
    const askers = [...this.#askers];
    this.#askers.clear();
    for (const asker of askers) asker(reason);
    for (const subscription of [...this.#subscriptions]) subscription.refuse(reason);
  }

  #wait(): void {
    if (this.#subscriptions.size === 0 && this.#askers.size === 0) {
      this.#rest();
      return;
    }
    const known = this.#info !== undefined;
    const waits = this.#patience.begin(this.#host.limits.subscribeWaitMs, () => {
      this.#fail(known ? "upstream" : "not_found");
      this.#rest();
    });
    if (waits) return;
    this.counters.boundsHit.waiting_subscriptions++;
    this.#fail("limit");
  }

  /** With nobody left, what is known and subscribed goes after a while, and then the track. */
  #rest(): void {
    if (this.#subscriptions.size > 0 || this.#askers.size > 0) return;
    this.#patience.stop();
    if (this.#feed !== undefined || this.#cancelInfo !== undefined || this.#info !== undefined) {
      this.#retireSoon();
      return;
    }
    if (this.#store.size === 0 || this.#route === undefined) this.#retire();
    // Followed until it was refused. What was only fetched stays for as long as the cache keeps it.
    else if (this.newest !== undefined) this.#retireSoon();
  }

  #retireSoon(): void {
    this.#cancelLinger ??= this.#host.clock.timer(this.#host.limits.trackLingerMs, () => this.#retire());
  }

  #retire(): void {
    this.#stopLinger();
    this.#cancelInfo?.();
    this.#cancelInfo = undefined;
    this.#detach("cancelled");
    this.#info = undefined;
    this.#informed = undefined;
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    this.#store.retire();
    if (this.#store.size === 0 && !this.#fetches.busy) this.#host.idle(this);
  }

  #stopLinger(): void {
    this.#cancelLinger?.();
    this.#cancelLinger = undefined;
  }

  #sweepSoon(): void {
    this.#cancelSweep ??= this.#host.clock.timer(SWEEP_DELAY_MS, () => {
      this.#cancelSweep = undefined;
      this.#store.expire(this.#info?.maxLatency ?? 0);
      this.#store.abandon();
      for (const subscription of [...this.#subscriptions]) subscription.sweep();
    });
  }
}
