import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Reason } from "../reason.ts";
import { ContinuedSubgroup } from "./continued-subgroup.ts";
import type {
  Asker,
  DatagramObject,
  Location,
  Source,
  SubgroupStart,
  SubgroupWriter,
  TrackInfo,
  UpstreamSink,
} from "./contract.ts";
import { appendDatagram, datagramsOf, isWholeGroup } from "./datagram-run.ts";
import { GroupRequest } from "./group-request.ts";
import type { GroupStore } from "./group-store.ts";
import type { Numbering } from "./merge-subscriptions.ts";
import type { Properties } from "./properties.ts";
import { PublisherNumbering, SentGroups } from "./publisher-numbering.ts";
import type { Subscription } from "./subscription.ts";
import type { Located, TrackRoute, Wanted, WantedRange } from "./track-host.ts";
import { UpstreamOptions } from "./upstream-options.ts";
import { ownLargest } from "./viewer-range.ts";

/** Milliseconds that the last groups of a track have to begin after its subscription was ended. */
const END_GRACE_MS = 500;

/** The track that is subscribed to. */
export interface UpstreamHost {
  readonly path: string;
  readonly name: string;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly store: GroupStore;
  readonly properties: Properties;
  readonly subscriptions: ReadonlySet<Subscription>;
  /** The peer on whose behalf the publisher is asked. */
  asker(): Asker | undefined;
  /** `source` gave the track's properties. */
  learned(source: Source, info: TrackInfo): void;
  /** A group has begun, and there are older ones. */
  succeeded(): void;
  /** The publisher ended the subscription for a reason. */
  lost(reason: Reason): void;
  /** The track has ended: it may be needed no longer. */
  ended(): void;
}

/** A track's subscription at its publisher: one at a time. Groups and datagrams are numbered for the track's viewers here. */
export class TrackUpstream {
  readonly #host: UpstreamHost;
  readonly #options: UpstreamOptions;
  readonly #sent = new SentGroups();
  readonly #groupRequest: GroupRequest;
  #feed: PublisherNumbering | undefined;
  #ended: number | undefined;
  #over = false;

  constructor(host: UpstreamHost) {
    this.#host = host;
    this.#options = new UpstreamOptions(host.clock, host.subscriptions);
    this.#groupRequest = new GroupRequest(host.clock, () => this.#askForGroup());
  }

  /** How the numbers of the publisher in use map to those of the track. */
  get feed(): PublisherNumbering | undefined {
    return this.#feed;
  }

  /** The sequence after the track's last group, once the publisher has named it or has ended the subscription. */
  get end(): number | undefined {
    return this.#ended;
  }

  /** A publisher has ended the track, or has refused it. */
  get over(): boolean {
    return this.#over;
  }

  /** The publisher at which the track may stay subscribed without viewers: that of `route`, while it feeds the track. */
  quietSource(route: TrackRoute | undefined): Source | undefined {
    const source = route?.source;
    if (source === undefined || source.keepsNewest || this.#over || this.#ended !== undefined) return undefined;
    return this.#feed?.upstream !== undefined && this.#feed.source === source ? source : undefined;
  }

  /** The range in the track's numbers, without groups of another publisher, and what was added to the source's numbers. */
  locateRange({ range, own }: WantedRange, source: Source | undefined): Located | undefined {
    const feed = this.#feed;
    const offset = feed !== undefined && feed.source === source ? (feed.offset ?? 0) : 0;
    if (!own) return { range, offset };
    const lowest = feed?.lowest ?? 0;
    const [start, end] = [shifted(range.start, offset), shifted(range.end, offset)];
    if (end.group < lowest) return undefined;
    return { range: { ...range, start: start.group < lowest ? { group: lowest, object: 0 } : start, end }, offset };
  }

  /** The track's number for a group to fetch from `source`, and what was added to the source's own. Nothing where it has no such group. */
  locate({ number, own }: Wanted, source: Source | undefined): { sequence: number; offset: number } | undefined {
    const feed = this.#feed;
    const offset = feed !== undefined && feed.source === source ? (feed.offset ?? 0) : 0;
    const sequence = own ? number + offset : number;
    // Below its lowest number the track has another publisher's groups.
    return own && sequence < (feed?.lowest ?? 0) ? undefined : { sequence, offset };
  }

  /** From now on the publisher at `route` feeds the track. `continued`: the feed of the same content before it. */
  begin({ source, generation }: TrackRoute, continued: PublisherNumbering | undefined): PublisherNumbering {
    this.#ended = undefined;
    const feed = new PublisherNumbering(source, generation, { ...this.#sent.of(generation), ...continued?.numbering });
    this.#feed = feed;
    this.#host.counters.tracksActive++;
    return feed;
  }

  /** Subscribes at the publisher of `feed`, unless that is done. */
  open(feed: PublisherNumbering): void {
    if (!feed.alive || feed.upstream !== undefined) return;
    const { counters, store, properties, subscriptions, path, name } = this.#host;
    const { offset } = feed;
    const resume = offset !== undefined && store.newest !== undefined ? store.newest.sequence + 1 - offset : undefined;
    const options = this.#options.begin(resume, this.#numbering(feed));
    const { start, startObject = 0, join } = options;
    if (start !== undefined && startObject > 0) feed.joined = { group: start, object: startObject };
    counters.upstreamSubscriptions++;
    const sink: UpstreamSink = {
      known: properties.of(feed.source) !== undefined,
      shared: () => subscriptions.size > 1,
      info: (info, largest) => {
        if (join === "next_object" && largest !== undefined) this.#joined(feed, largest);
        if (largest !== undefined) feed.names(largest);
        this.#host.learned(feed.source, info);
      },
      named: (largest) => feed.names(largest),
      started: (sequence) => feed.starts(sequence),
      subgroup: (start) => this.#subgroup(feed, start),
      datagram: (datagram) => this.#datagram(feed, datagram),
      dropped: () => {},
      ended: (end) => {
        if (feed.alive) this.#ended = end + (feed.offset ?? 0);
      },
      closed: (reason) => this.#closed(feed, reason),
    };
    const newGroup = this.#groupRequest.pending(this.#newestOf(feed));
    const asked = newGroup === undefined ? options : { ...options, newGroup };
    feed.upstream = feed.source.subscribe(path, name, asked, sink, this.#host.asker());
    if (!feed.alive) feed.upstream.cancel();
  }

  /** What the viewers ask for has changed. `newGroup`: a viewer wishes for a new group (see {@link GroupRequest.begin}). */
  changed(newGroup?: number): void {
    const feed = this.#feed;
    if (newGroup !== undefined) this.#groupRequest.begin(newGroup, feed === undefined ? -1 : this.#newestOf(feed));
    if (feed?.upstream !== undefined) this.#options.changed(feed, this.#numbering(feed));
  }

  #askForGroup(): void {
    const feed = this.#feed;
    const above = feed === undefined ? undefined : this.#groupRequest.pending(this.#newestOf(feed));
    if (above !== undefined) feed?.upstream?.requestGroup?.(above);
  }

  /** The newest group that is known of the publisher, in its own numbers; -1 without one. */
  #newestOf(feed: PublisherNumbering): number {
    return ownLargest({ feed, newest: this.#host.store.newest })?.group ?? -1;
  }

  /** Ends the subscription; the groups that it has not finished are cut off for `reason`. */
  detach(reason: Reason): void {
    const feed = this.#feed;
    if (feed === undefined) return;
    this.#feed = undefined;
    feed.alive = false;
    this.#options.end();
    this.#groupRequest.end();
    this.#host.counters.tracksActive--;
    feed.upstream?.cancel();
    this.#sent.remember(feed);
    this.#host.store.cutOff(reason);
  }

  /** The publisher refused the track, or ended it for `reason`. */
  refused(reason: Reason): void {
    // A missing route says nothing of the track itself.
    this.#over = reason !== "unroutable";
    this.detach(reason);
  }

  /** The first group of a track keeps its publisher's number. */
  #numbering({ offset }: PublisherNumbering): Numbering {
    return { offset: offset ?? (this.#host.store.newest === undefined ? 0 : undefined) };
  }

  #subgroup(feed: PublisherNumbering, start: SubgroupStart): SubgroupWriter | Reason {
    if (!feed.alive) return "cancelled";
    const { store, counters, properties, subscriptions } = this.#host;
    const sequence = feed.place(start.group, store.newest?.sequence);
    if (sequence === undefined) {
      if (!feed.exhausted) return "duplicate";
      // A viewer that subscribes again gets a track that is numbered from this publisher on.
      this.#host.lost("replaced");
      return "replaced";
    }
    const ours = sequence === start.group ? start : { ...start, group: sequence };
    const subgroup = store.open(ours, properties.maxLatency);
    if (typeof subgroup === "string") return subgroup;
    if (subgroup.group.first === subgroup && !subgroup.group.isRest) {
      counters.groupsIn++;
      if (feed.joined?.group === start.group) subgroup.group.joinedAt(feed.joined.object);
    }
    for (const subscription of [...subscriptions]) subscription.offer(subgroup);
    if (store.size > 1) this.#host.succeeded();
    return subgroup.after < 0 ? subgroup : new ContinuedSubgroup(subgroup, subgroup.after);
  }

  /** The subscription begins after the object `largest`, as its publisher says, perhaps after its first group. */
  #joined(feed: PublisherNumbering, { group, object }: Location): void {
    feed.joined = { group, object: object + 1 };
    if (feed.offset !== undefined) this.#host.store.joinedAt(group + feed.offset, object + 1);
  }

  #datagram(feed: PublisherNumbering, datagram: DatagramObject): void {
    if (!feed.alive) return;
    const { store, counters, properties, subscriptions } = this.#host;
    counters.datagramsIn++;
    const group = feed.place(datagram.group, store.newest?.sequence);
    if (group === undefined) return;
    const timestamp =
      datagram.timestamp === undefined ? undefined : feed.rescale(datagram.timestamp, properties.timescale);
    const ours = { ...datagram, group, timestamp };
    for (const subscription of subscriptions) subscription.datagram(ours);
    if (!isWholeGroup(datagram)) this.#keepDatagram(feed, datagram, group);
  }

  /** Keeps a datagram object, whose group has the number `sequence` in the track. */
  #keepDatagram(feed: PublisherNumbering, datagram: DatagramObject, sequence: number): void {
    const { group, object, endsGroup } = datagram;
    let run: SubgroupWriter | Reason | undefined = this.#host.store.datagramsOf(sequence);
    run ??= this.#subgroup(feed, datagramsOf(group, object === 0));
    if (typeof run === "string") {
      this.#host.store.outgrown(sequence);
      return;
    }
    appendDatagram(run, datagram);
    if (endsGroup) this.#host.store.endGroup(sequence, object + 1);
  }

  /** The publisher ended the subscription: cleanly when there is no reason. */
  #closed(feed: PublisherNumbering, reason: Reason | undefined): void {
    if (!feed.alive) return;
    if (reason !== undefined) {
      this.#host.lost(reason);
      return;
    }
    this.#over = true;
    if (this.#ended !== undefined && this.#next() >= this.#ended) {
      this.#end(feed);
      return;
    }
    // Its last groups may still be on their way: their streams race with the one that just ended.
    this.#ended ??= this.#next();
    this.#host.clock.timer(END_GRACE_MS, () => this.#end(feed));
  }

  /** The sequence after the newest group. */
  #next(): number {
    const { newest } = this.#host.store;
    return newest === undefined ? 0 : newest.sequence + 1;
  }

  #end(feed: PublisherNumbering): void {
    if (!feed.alive) return;
    const end = Math.max(this.#ended ?? 0, this.#next());
    this.#ended = end;
    this.#host.store.conclude();
    const { known } = this.#host.properties;
    for (const subscription of [...this.#host.subscriptions]) {
      if (known !== undefined) subscription.accept(known);
      subscription.ended(end);
    }
    this.#host.ended();
  }
}

function shifted({ group, object }: Location, offset: number): Location {
  return { group: Math.min(group + offset, Number.MAX_SAFE_INTEGER), object };
}
