import type { Counters } from "../counters.ts";
import type { Reason } from "../reason.ts";
import { BoundedWait } from "./bounded-wait.ts";
import type {
  Asker,
  Channel,
  GroupWriter,
  OutStream,
  Source,
  SubscribeOptions,
  Subscriber,
  TrackInfo,
  UpstreamSink,
} from "./contract.ts";
import { Delay } from "./delay.ts";
import { Fetches } from "./fetches.ts";
import type { Group } from "./group.ts";
import { GroupStore, type StoredTrack } from "./group-store.ts";
import type { Numbering } from "./merge-subscriptions.ts";
import { Properties } from "./properties.ts";
import { PublisherNumbering, SentGroups, writable } from "./publisher-numbering.ts";
import { type SubscribedTrack, Subscription } from "./subscription.ts";
import type { TrackHost, TrackRoute, TrackStart, Wanted } from "./track-host.ts";
import { Unwatched } from "./unwatched.ts";
import { UpstreamOptions } from "./upstream-options.ts";

/** Milliseconds after a new group until older ones that are still queued are judged: what left with it gets through. */
const SWEEP_DELAY_MS = 100;

/** Milliseconds that the last groups of a track have to begin after its subscription was ended. */
const END_GRACE_MS = 500;

/**
 * One track of one broadcast at this relay: subscribed upstream once however many subscribe here. It outlives
 * publishers: when another takes the path, its groups go on above those that were sent.
 */
export class Track implements SubscribedTrack {
  readonly path: string;
  readonly name: string;
  readonly asker: Asker | undefined;
  readonly #host: TrackHost<Track>;
  readonly #store: GroupStore;
  readonly #fetches: Fetches;
  readonly #patience: BoundedWait;
  readonly #subscriptions = new Set<Subscription>();
  readonly #properties: Properties;
  readonly #wishes: UpstreamOptions;
  readonly #sent = new SentGroups();
  /** The publisher that feeds it, or is to. */
  #route: TrackRoute | undefined;
  /** That publisher says that the track is gone upstream: another one is waited for. */
  #routeLost = false;
  #feed: PublisherNumbering | undefined;
  #ended: number | undefined;
  #over = false;
  /** Whether it is still needed is decided at the end of this turn. */
  #resting = false;
  readonly #unwatched: Unwatched;
  readonly #sweep: Delay;
  readonly #since: number;

  constructor(path: string, name: string, host: TrackHost<Track>, { asker, route }: TrackStart) {
    this.path = path;
    this.name = name;
    this.asker = asker;
    this.#route = route;
    this.#host = host;
    this.#since = host.clock.now();
    this.#store = new GroupStore(host, this.#stored());
    this.#fetches = new Fetches(path, name, this.#store, host.counters);
    this.#properties = new Properties(path, name);
    this.#wishes = new UpstreamOptions(host.clock, this.#subscriptions);
    this.#unwatched = new Unwatched(host, this.#store, {
      source: () => this.#quietSource,
      retire: () => this.#retire(),
    });
    this.#sweep = new Delay(host.clock, SWEEP_DELAY_MS, () => this.#sweepUp());
    this.#patience = new BoundedWait(host);
  }

  get counters(): Counters {
    return this.#host.counters;
  }

  get newest(): Group | undefined {
    return this.#store.newest;
  }

  get feed(): PublisherNumbering | undefined {
    return this.#feed;
  }

  /** The source of its route. */
  get source(): Source | undefined {
    return this.#route?.source;
  }

  /**
   * Its publisher ended or refused it. What still runs goes on; a track of the same name that somebody asks for from now on is
   * another one, with numbers and properties of its own.
   */
  get over(): boolean {
    return this.#over;
  }

  /** Nobody uses it, and it stays for its newest group. */
  get kept(): boolean {
    return this.#unwatched.kept;
  }

  /** Nobody uses it. */
  get idle(): boolean {
    return !this.#used && !this.#fetches.busy;
  }

  /** Who gives it: its route's source, or one that has no route any more and still sends. */
  get #giver(): Source | undefined {
    return this.#feed?.source ?? this.#route?.source;
  }

  get #used(): boolean {
    return this.#subscriptions.size > 0 || this.#properties.awaited;
  }

  joinable(from: number, to: number): Group[] {
    return this.#store.joinable(from, to);
  }

  age(group: Group): number {
    return this.#store.age(group, this.#properties.timescale);
  }

  /** Adds a viewer. It is told all the rest through `subscriber`, perhaps before this returns. */
  subscribe(options: SubscribeOptions, subscriber: Subscriber): Subscription {
    const subscription = new Subscription(this, options, subscriber);
    this.#subscriptions.add(subscription);
    this.counters.subscriptionsActive++;
    this.counters.subscriptionsTotal++;
    this.#unwatched.stop();
    if (this.#feed === undefined) this.#connect();
    else this.changed();
    const { known } = this.#properties;
    if (known !== undefined && this.#feed !== undefined) subscription.accept(known);
    return subscription;
  }

  /** Answers with the track's properties, or why there are none; at once when they are known. */
  ask(answer: (result: TrackInfo | Reason) => void, asker?: Asker): () => void {
    const known = this.#properties.of(this.#giver);
    if (known !== undefined) {
      answer(known);
      return () => {};
    }
    const leave = this.#properties.wait(answer, asker);
    this.#unwatched.stop();
    if (this.#route === undefined || this.#routeLost) this.#wait();
    else if (this.#route.source.hasInfo) this.#learn(this.#route.source);
    else if (this.#feed === undefined) this.#connect();
    return () => {
      if (leave()) this.#rest();
    };
  }

  /** Sends one group to `stream` when it is here, else fetches it; `over` is called at the end. Returns a cancel. */
  fetch(wanted: Wanted, channel: Channel, stream: OutStream, over: () => void): () => void {
    const { number, own, priority, asker, later } = wanted;
    const source = this.#giver;
    const offset = this.#feed !== undefined && this.#feed.source === source ? (this.#feed.offset ?? 0) : 0;
    const sequence = own ? number + offset : number;
    // Else it would get another publisher's group.
    if (own && sequence < (this.#feed?.lowest ?? 0))
      return this.#fetches.refuse({ channel, stream, over }, "not_found");
    return this.#fetches.fetch({ sequence, priority, channel, stream, offset, source, asker, later, over });
  }

  /**
   * The path has another publisher, or none. `same` says that it sends the same content under the same numbers.
   * What the old one began and has not finished is cut off.
   */
  switch(route: TrackRoute | undefined, same: boolean): void {
    const before = this.#feed;
    this.#route = route;
    this.#routeLost = false;
    if (this.#over) return;
    this.#detach(route === undefined ? "upstream" : "replaced");
    this.#properties.cancel();
    if (!this.#used) {
      if (!same || this.kept) this.#retire();
      else if (before !== undefined) this.#rest();
      return;
    }
    if (route === undefined) {
      this.#wait();
      return;
    }
    this.#patience.stop();
    if (this.#properties.awaited && route.source.hasInfo) this.#learn(route.source);
    this.#connect(same ? before : undefined);
  }

  /** Its source took the broadcast back: subscriptions there conclude by themselves, and nothing new begins. */
  conclude(): void {
    if (this.#feed?.upstream === undefined || this.#subscriptions.size === 0) this.switch(undefined, false);
    else this.#route = undefined;
  }

  /** Refuses the peers that the route leads back to. */
  exclude(which: (asker: Asker) => boolean): void {
    for (const one of [...this.#subscriptions]) if (one.asker && which(one.asker)) one.refuse("unroutable");
    this.#properties.answer("unroutable", which);
  }

  changed(): void {
    const feed = this.#feed;
    if (feed?.upstream !== undefined) this.#wishes.changed(feed, this.#numbering(feed));
  }

  leave(subscription: Subscription): void {
    if (!this.#subscriptions.delete(subscription)) return;
    this.counters.subscriptionsActive--;
    this.changed();
    this.#rest();
  }

  /** Goes now when nobody uses it. */
  release(): void {
    if (this.idle) this.#retire();
  }

  /** Ends everything, for a reason. */
  close(reason: Reason): void {
    this.#detach(reason);
    this.#fail(reason);
    this.#unwatched.stop();
    this.#sweep.stop();
    this.#patience.stop();
    this.#store.clear();
  }

  /** The peers that use it. */
  *askers(): Generator<Asker | undefined> {
    for (const { asker } of this.#subscriptions) yield asker;
    yield* this.#properties.askers;
  }

  /** On whose behalf a publisher is asked: any of those that wait for the answer. */
  get #asker(): Asker | undefined {
    const [first] = this.askers();
    return first;
  }

  #stored(): StoredTrack {
    return {
      stamp: () => writable(((this.#host.clock.now() - this.#since) * this.#properties.timescale) / 1000),
      awaited: () => this.#properties.known === undefined && this.#subscriptions.size > 0,
      rescale: (timestamp) => this.#feed?.rescale(timestamp, this.#properties.timescale) ?? timestamp,
      begun: () => this.#sweep.start(),
      settled: (group, live) => {
        if (live && group.subgroup.whole) this.#feed?.completed(group.sequence);
        for (const subscription of [...this.#subscriptions]) subscription.settled();
        this.#rest();
      },
      forgotten: () => this.#restSoon(),
    };
  }

  #connect(continued?: PublisherNumbering): void {
    const route = this.#route;
    if (route === undefined || this.#routeLost) {
      this.#wait();
      return;
    }
    this.#detach("replaced");
    this.#ended = undefined;
    // What they were sent has numbers that do not go on.
    if (continued === undefined) {
      for (const one of [...this.#subscriptions]) if (one.numbered) one.refuse("upstream");
      if (!this.#used) return;
    }
    const { source, generation } = route;
    const feed = new PublisherNumbering(source, generation, { ...this.#sent.of(generation), ...continued?.numbering });
    this.#feed = feed;
    this.counters.tracksActive++;
    const known = this.#properties.of(source);
    if (known !== undefined) feed.timescale = known.timescale;
    // A track whose properties the viewers know must not change them: those of another publisher are awaited.
    const first = this.#properties.known === undefined;
    if (source.hasInfo && known === undefined) this.#learn(source);
    if (first || known !== undefined || !source.hasInfo) this.#open(feed);
  }

  #open(feed: PublisherNumbering): void {
    if (!feed.alive || feed.upstream !== undefined) return;
    const { offset } = feed;
    const resume = offset !== undefined && this.newest !== undefined ? this.newest.sequence + 1 - offset : undefined;
    const options = this.#wishes.begin(resume, this.#numbering(feed));
    this.counters.upstreamSubscriptions++;
    const sink: UpstreamSink = {
      known: this.#properties.of(feed.source) !== undefined,
      shared: () => this.#subscriptions.size > 1,
      info: (info) => this.#learned(feed.source, info),
      started: (sequence) => feed.starts(sequence),
      group: (sequence) => this.#group(feed, sequence),
      datagram: (sequence, timestamp, payload) => this.#datagram(feed, sequence, timestamp, payload),
      dropped: () => {},
      ended: (end) => {
        if (feed.alive) this.#ended = end + (feed.offset ?? 0);
      },
      closed: (reason) => this.#closed(feed, reason),
    };
    feed.upstream = feed.source.subscribe(this.path, this.name, options, sink, this.#asker);
    if (!feed.alive) feed.upstream.cancel();
  }

  /** Where nothing came before, its first group keeps its number. */
  #numbering({ offset }: PublisherNumbering): Numbering {
    return { offset: offset ?? (this.newest === undefined ? 0 : undefined) };
  }

  #group(feed: PublisherNumbering, theirs: number): GroupWriter | Reason {
    if (!feed.alive) return "cancelled";
    const sequence = feed.place(theirs, this.newest?.sequence);
    if (sequence === undefined) {
      if (!feed.exhausted) return "duplicate";
      // Viewers that ask again see a track that is numbered from this publisher on.
      this.#lost("replaced");
      return "replaced";
    }
    const group = this.#store.open(sequence, this.#properties.maxLatency);
    if (typeof group === "string") return group;
    this.counters.groupsIn++;
    for (const subscription of [...this.#subscriptions]) subscription.offer(group);
    if (this.#store.size > 1) this.#sweep.start();
    return group.subgroup;
  }

  #datagram(feed: PublisherNumbering, theirs: number, timestamp: number, payload: Uint8Array): void {
    if (!feed.alive) return;
    this.counters.datagramsIn++;
    const sequence = feed.place(theirs, this.newest?.sequence);
    if (sequence === undefined) return;
    const scaled = feed.rescale(timestamp, this.#properties.timescale);
    for (const subscription of this.#subscriptions) subscription.datagram(sequence, scaled, payload);
  }

  /** The source ended the subscription: the track is over, was refused, or its session went. */
  #closed(feed: PublisherNumbering, reason: Reason | undefined): void {
    if (!feed.alive) return;
    if (reason === undefined) {
      this.#over = true;
      if (this.#ended !== undefined && this.#next() >= this.#ended) {
        this.#end(feed);
        return;
      }
      // Its last groups may still be on their way: their streams race with the one that just ended.
      this.#ended ??= this.#next();
      this.#host.clock.timer(END_GRACE_MS, () => this.#end(feed));
      return;
    }
    this.#lost(reason);
  }

  /**
   * What the source was to give will not come from it. `upstream`: its session is gone, or its own publisher is, and another
   * route takes over, if one comes.
   */
  #lost(reason: Reason): void {
    if (reason === "upstream") {
      this.#routeLost = true;
      this.#detach(reason);
      this.#wait();
    } else {
      // That there is no way to it says nothing of the track.
      this.#over = reason !== "unroutable";
      this.#detach(reason);
      this.#fail(reason);
    }
    this.#rest();
  }

  /** The sequence after the newest group. */
  #next(): number {
    return this.newest === undefined ? 0 : this.newest.sequence + 1;
  }

  #end(feed: PublisherNumbering): void {
    if (!feed.alive) return;
    const end = Math.max(this.#ended ?? 0, this.#next());
    this.#ended = end;
    for (const subscription of [...this.#subscriptions]) {
      if (this.#properties.known !== undefined) subscription.accept(this.#properties.known);
      subscription.ended(end);
    }
    this.#rest();
  }

  #learn(source: Source): void {
    this.#properties.request(source, this.#asker, (answer) => {
      if (typeof answer !== "string") this.#learned(source, answer);
      else if (source === this.#giver) this.#lost(answer);
    });
  }

  #learned(source: Source, info: TrackInfo): void {
    if (source !== this.#giver) return;
    const known = this.#properties.learn(source, info, this.#subscriptions.size > 0);
    const feed = this.#feed;
    if (feed?.source === source) {
      feed.timescale = info.timescale;
      feed.upstream?.known?.();
      this.#open(feed);
    }
    this.#properties.answer(known);
    for (const subscription of [...this.#subscriptions]) subscription.accept(known);
    this.#store.repay();
    this.#rest();
  }

  #detach(reason: Reason): void {
    const feed = this.#feed;
    if (feed === undefined) return;
    this.#feed = undefined;
    feed.alive = false;
    this.#wishes.end();
    this.counters.tracksActive--;
    feed.upstream?.cancel();
    this.#sent.remember(feed);
    this.#store.cutOff(reason);
  }

  #fail(reason: Reason): void {
    this.#properties.forget();
    this.#properties.answer(reason);
    for (const subscription of [...this.#subscriptions]) subscription.refuse(reason);
  }

  #wait(): void {
    if (!this.#used) {
      this.#rest();
      return;
    }
    const known = this.#properties.known !== undefined;
    const waits = this.#patience.begin(this.#host.limits.subscribeWaitMs, () => {
      this.#fail(known ? "upstream" : "not_found");
      this.#rest();
    });
    if (waits) return;
    this.counters.boundsHit.waiting_subscriptions++;
    this.#fail("limit");
    this.#rest();
  }

  /** With nobody left, what is known and subscribed goes after a while, and then the track. */
  #rest(): void {
    if (this.#used) return;
    this.#patience.stop();
    if (this.#feed !== undefined || this.#properties.requested || this.#properties.known !== undefined) {
      this.#unwatched.start();
      return;
    }
    if (this.#store.size === 0 || this.#route === undefined) this.#retire();
    // Followed until it was refused. What was only fetched stays for as long as the cache keeps it.
    else if (this.newest !== undefined) this.#unwatched.start();
  }

  /**
   * A group was evicted, perhaps for a byte of another track's group. Its bytes are free by now; whether the track is still needed is
   * decided at the end of the turn, once for all groups that the turn evicted.
   */
  #restSoon(): void {
    if (this.#resting || this.#used) return;
    this.#resting = true;
    this.#host.clock.soon(() => {
      this.#resting = false;
      this.#rest();
    });
  }

  /** Its publisher, while it announces the broadcast and the track may stay subscribed there without viewers. */
  get #quietSource(): Source | undefined {
    const source = this.#route?.source;
    if (source === undefined || source.keepsNewest || this.#over || this.#ended !== undefined) return undefined;
    return this.#feed?.upstream !== undefined && this.#feed.source === source ? source : undefined;
  }

  /** Nothing of it is kept. */
  #retire(): void {
    this.#unwatched.stop();
    this.#patience.stop();
    this.#properties.cancel();
    this.#detach("cancelled");
    this.#properties.forget();
    this.#sweep.stop();
    this.#store.retire();
    this.#host.idle(this);
  }

  #sweepUp(): void {
    this.#store.expire(this.#properties.maxLatency);
    this.#store.abandon();
    for (const subscription of [...this.#subscriptions]) subscription.sweep();
  }
}
