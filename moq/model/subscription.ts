import type { DropReason } from "../counters.ts";
import { LazySet } from "../lazy.ts";
import type { Reason } from "../reason.ts";
import type { Content } from "./content.ts";
import type { Asker, DatagramObject, SubgroupStart, SubscribeOptions, Subscriber, TrackInfo } from "./contract.ts";
import { DATAGRAMS, isWholeGroup } from "./datagram-run.ts";
import { DeliveryTimeouts } from "./delivery-timeouts.ts";
import type { Group } from "./group.ts";
import { Outgoing, type Sending } from "./outgoing.ts";
import { OVERTAKEN } from "./publisher-numbering.ts";
import { rank } from "./rank.ts";
import type { Part } from "./replay.ts";
import { Selections } from "./selections.ts";
import type { Subgroup } from "./subgroup.ts";
import { isExpired, type SubscribedTrack, wantedGroups, wantsAll } from "./subscribed-track.ts";
import { SubscriptionFigures } from "./subscription-figures.ts";
import type { ViewerView } from "./track-view.ts";
import { ViewerRange } from "./viewer-range.ts";

/** One viewer of one track: which groups it gets, in what order, and when one is given up. */
export class Subscription {
  readonly #track: SubscribedTrack<Subscription>;
  readonly #subscriber: Subscriber;
  /** Of its path, as it was when the subscription began. */
  readonly #priority: number;
  /** Its viewer takes each subgroup as a stream of its own. Else the viewer gets a stream for each group. */
  readonly #takesSubgroups: boolean;
  readonly #range: ViewerRange;
  #options: SubscribeOptions;
  #info: TrackInfo | undefined;
  /** Groups below it are never sent. Known with the first group. */
  #floor: number | undefined;
  readonly #sending: Outgoing;
  /** What the newest group has for it, while the viewer allows no stream for that. */
  readonly #missed = new LazySet<Content>();
  /** No group at or after it will be sent. */
  #end: number | undefined;
  #done = false;
  /** How often it was paused: streams that waited for their first object then do not begin any more. */
  #pauses = 0;
  readonly #figures: SubscriptionFigures;
  /** Absent while it has had no filter. */
  #selections: Selections | undefined;

  constructor(track: SubscribedTrack<Subscription>, options: SubscribeOptions, subscriber: Subscriber) {
    this.#track = track;
    this.#options = options;
    this.#subscriber = subscriber;
    this.#priority = track.priority;
    this.#takesSubgroups = subscriber.channel.dialect.subgroups;
    this.#range = new ViewerRange(track, options, subscriber.ownNumbers === true);
    this.#figures = new SubscriptionFigures(track, subscriber.asker);
    this.#sending = new Outgoing(
      options.ordered,
      (place, content) => this.#rank(place, content),
      (sending) => this.#figures.left(sending),
      new DeliveryTimeouts(track.clock, this, {
        late: (sending) => this.#reset(sending, "expired"),
        checked: () => this.#closeIfDone(),
      }),
    );
  }

  get options(): SubscribeOptions {
    return this.#options;
  }

  get ownNumbers(): boolean {
    return this.#subscriber.ownNumbers === true;
  }

  /** The peer that views. */
  get asker(): Asker | undefined {
    return this.#subscriber.asker;
  }

  /** The epoch that it asks for; absent: any epoch. */
  get epoch(): bigint | undefined {
    return this.#subscriber.epoch;
  }

  /** It was sent a number that is its publisher's own. */
  get sentOwnNumbers(): boolean {
    return this.ownNumbers && this.#range.numbered;
  }

  /** Streams that may still have something to send. */
  get sending(): number {
    return this.#sending.size;
  }

  /** Bytes of payload that were written to its streams. Its cost grows with the groups that are under way. */
  get sentPayload(): number {
    return this.#figures.sent + this.#sending.payload;
  }

  /** For operators. Its cost grows with the groups that are under way. */
  view(): ViewerView {
    return {
      who: this.asker?.who,
      ...this.#sending.figures((group) => this.#track.age(group)),
      lost: this.#figures.lost,
    };
  }

  /** The track exists: the viewer gets its properties, and the groups that are in the cache. */
  accept(info: TrackInfo): void {
    if (this.#done || this.#info !== undefined) return;
    this.#info = info;
    this.#subscriber.accepted(info, this.#range.largest);
    if (!this.#paused) this.#join();
  }

  /** A subgroup has begun. A viewer that takes whole groups is asked once for each group. */
  offer(subgroup: Subgroup<Group>): void {
    if (this.#takesSubgroups) this.#offer(subgroup);
    else if (subgroup.group.first === subgroup && !subgroup.group.isRest) this.#offer(subgroup.group);
  }

  #offer(content: Content): void {
    const { group } = content;
    const hasStream = !this.#takesSubgroups || content.start.subgroup !== DATAGRAMS;
    if (this.#done || this.#info === undefined || this.#paused || !hasStream) return;
    const { start, end } = this.#range.range;
    if (end !== undefined && group.sequence > end) {
      this.#finale(end + 1);
      return;
    }
    if (start !== undefined && group.sequence < start) return;
    if (this.#floor === undefined) this.#beginWith(group);
    else if (group.sequence < this.#floor) return;
    const wanted = this.#options.filter === undefined ? content : this.#selected.of(content, this.#options.filter);
    if (wanted === undefined) return;
    const { newest = group } = this.#track;
    if (this.#missed.size > 0 && group === newest) this.#giveUpMissed(group);
    if (group !== newest && isExpired(this.#track, this.#options, group)) {
      this.#giveUp(group, "expired");
      return;
    }
    this.#take(wanted);
  }

  /** Offers all of a group that is there. */
  #offerGroup(group: Group): void {
    if (this.#takesSubgroups) for (const one of group.subgroups) this.#offer(one);
    else this.#offer(group);
  }

  /** The viewer allows streams again: the newest group is sent from its start. */
  retry(): void {
    if (this.#missed.size === 0 || this.#done) return;
    for (const content of [...this.#missed]) {
      this.#missed.delete(content);
      const { group } = content;
      if (group.keeps) this.#take(content);
      else this.#giveUp(group, "evicted");
    }
  }

  /** Resets groups that are too old and still queued, and forgets those that have left. Called a moment after each new group. */
  sweep(): void {
    const isStale = ({ stream, content }: Sending) =>
      stream.queued > 0 && isExpired(this.#track, this.#options, content.group);
    this.#resetOld("expired", isStale);
  }

  /** The viewer does not keep up: all groups but the newest are reset, unless they have left. */
  shed(): void {
    this.#resetOld("backlog", ({ counted }) => !counted);
  }

  /** Nothing has reached the viewer for a while: the newest group comes first, and all others are reset, unless the viewer wants all groups. */
  dark(): void {
    if (!wantsAll(this.#options)) this.#resetOld("backlog", () => true);
  }

  #resetOld(reason: DropReason, which: (sending: Sending) => boolean): void {
    const newest = this.#track.newest;
    for (const one of this.#sending) if (one.content.group !== newest && which(one)) this.#reset(one, reason);
    this.#closeIfDone();
  }

  update(options: SubscribeOptions): void {
    if (this.#done) return;
    const wasPaused = this.#paused;
    const refiltered = options.filter !== this.#options.filter;
    this.#options = options;
    this.#range.update(options);
    if (refiltered) this.#refilter();
    if (this.#paused && !wasPaused) this.#pause();
    const { start: from } = this.#range.range;
    if (from !== undefined && this.#floor !== undefined && from < this.#floor && this.#info) {
      const to = this.#floor - 1;
      this.#floor = from;
      this.#offerAll(from, to);
    }
    if (wasPaused && !this.#paused && this.#info !== undefined) this.#resume();
    this.#sending.reorder(options.ordered);
    this.#track.changed(options.newGroup);
    this.#checkEnd();
  }

  /** The track has ended before `end`. */
  ended(end: number): void {
    if (this.#done) return;
    this.#giveUpMissed();
    this.#finale(end);
  }

  /** A group gets no more frames: a range that ends with it may be over. */
  groupDone(): void {
    this.#checkEnd();
    if (this.#end !== undefined) this.#closeIfDone();
  }

  /** A viewer that takes whole groups gets a datagram where that is the whole group, and others on the group's stream. */
  datagram(datagram: DatagramObject): void {
    const { group } = datagram;
    const isWanted = group >= (this.#floor ?? 0) && this.#range.has(datagram);
    if (this.#done || this.#info === undefined || this.#paused || !isWanted) return;
    if (!this.#takesSubgroups && !isWholeGroup(datagram)) return;
    const { filter } = this.#options;
    if (filter !== undefined && !this.#selected.passes(datagram, filter)) return;
    const number = this.#range.number(group);
    this.#subscriber.datagram(number === group ? datagram : { ...datagram, group: number });
  }

  /** Ends it with a reason for the viewer. */
  refuse(reason: Reason): void {
    if (this.#done) return;
    this.#finish(reason);
    this.#subscriber.closed(reason);
  }

  /** The viewer left. */
  cancel(): void {
    if (!this.#done) this.#finish("cancelled");
  }

  #join(): void {
    if (this.ownNumbers && this.#track.feed?.offset === undefined) return;
    this.#figures.cached = true;
    this.#range.join();
    const { start, end } = this.#range.range;
    const newest = this.#track.newest;
    const last = end ?? Number.MAX_SAFE_INTEGER;
    const current =
      newest !== undefined && newest.sequence >= (start ?? this.#range.lowest) && newest.sequence <= last
        ? newest
        : undefined;
    if (this.#options.byMaxAge) this.#joinByAge(start ?? this.#range.lowest, last);
    else if (start !== undefined) this.#offerAll(start, last);
    else if (current?.keeps) {
      this.#figures.joined(true);
      this.#begin(current.sequence, current.sequence);
      this.#offerGroup(current);
    } else this.#figures.joined(false);
    this.#figures.cached = false;
    if (current?.passesThrough) this.#giveUp(current, "evicted");
    this.#checkEnd();
  }

  /** Begins with the oldest group that has not expired. */
  #joinByAge(from: number, to: number): void {
    const [oldest] = wantedGroups(this.#track, this.#options, from, to);
    this.#figures.joined(oldest !== undefined);
    if (oldest === undefined) return;
    this.#begin(oldest.sequence, oldest.sequence);
    this.#offerAll(oldest.sequence, to);
  }

  /** The first group of the track has begun. Groups before it may still come, because streams overtake each other. */
  #beginWith(group: Group): void {
    const first = this.#track.feed?.first ?? group.sequence - OVERTAKEN;
    const from = Math.max(Math.min(first, group.sequence), this.#range.range.start ?? 0, this.#range.lowest);
    this.#begin(from, this.#subscriber.promisesStart || this.#track.feed?.first !== undefined ? from : 0);
  }

  /** Offers the groups from `from` to `to`: the newest of them, when there are more than may be under way at once. */
  #offerAll(from: number, to: number): void {
    const groups = wantedGroups(this.#track, this.#options, from, to);
    const left = groups.splice(0, Math.max(0, groups.length - this.#room));
    for (const group of groups) this.#offerGroup(group);
    const [first, last] = [left[0], left.at(-1)];
    if (first === undefined || last === undefined || this.#done) return;
    this.#figures.countLost("backlog", left.length);
    this.#subscriber.dropped(this.#range.number(first.sequence), this.#range.number(last.sequence), "lagged");
  }

  /** Groups that may be under way at once. */
  get #room(): number {
    return this.#subscriber.maxGroups ?? Number.POSITIVE_INFINITY;
  }

  #begin(sequence: number, floor: number): void {
    this.#floor = floor;
    this.#subscriber.started(this.#range.number(sequence));
  }

  /** Sends `content`, from the first object that the viewer asks for on. */
  #take(content: Content): void {
    const part = this.#range.partOf(content.group);
    const { first = 0 } = part;
    if (first > 0 || content.selects) {
      const pauses = this.#pauses;
      const isOver = () => this.#done || pauses !== this.#pauses;
      content.startAt(first, { begin: () => this.#open(content, part), isOver });
    }
    // A whole group is of no use without its first object.
    else if (this.#takesSubgroups || content.start.firstObject) this.#open(content, part);
  }

  #open(content: Content, part: Part): void {
    const { group } = content;
    if (this.#done || this.#paused || this.#sending.carries(content)) return;
    // The first object may be lost before the stream begins with it.
    const isGone = (part.first ?? 0) > 0 && !group.keeps && content.selects === undefined;
    if (isGone || !this.#sending.makeRoom(this.#room, group, (oldest) => this.#reset(oldest, "backlog"))) {
      this.#giveUp(group, isGone ? "evicted" : "backlog");
      return;
    }
    const place = this.#sending.placeOf(content);
    const start = this.#range.startOf(content, part);
    const stream = this.#subscriber.open(start, this.#rank(place, content), part.first ?? 0);
    if (stream === undefined) {
      if (group === this.#track.newest) this.#missed.add(content);
      else this.#giveUp(group, "no_stream");
      return;
    }
    if (!this.#takesSubgroups || !this.#sending.has(group)) this.#track.counters.groupsOut++;
    const now = this.#track.clock.now();
    this.#figures.opened(now);
    this.#sending.add(content, stream, place, now);
    content.attach(this.#subscriber.channel, stream, this.#subscriber.later, part);
  }

  #rank(place: number, content: Content): number {
    return rank(this.#priority, this.#options.priority, this.#publisherPriority(content.start), place);
  }

  #publisherPriority({ priority }: Pick<SubgroupStart, "priority">): number {
    return priority ?? this.#info?.priority ?? 0;
  }

  #reset(sending: Sending, reason: DropReason): void {
    const { stream, content, counted } = sending;
    if (!counted) this.#figures.sent += content.payloadBytes;
    sending.counted = true;
    this.#figures.countLost(reason, 1);
    stream.reset(this.#subscriber.channel.dialect.resetCode(reason === "backlog" ? "lagged" : "expired"));
  }

  #giveUp(group: Group, reason: DropReason): void {
    this.#figures.countLost(reason, 1);
    // The viewer may have other subgroups of it.
    if (this.#takesSubgroups && group.subgroups.length > 1) return;
    const number = this.#range.number(group.sequence);
    this.#subscriber.dropped(number, number, reason === "expired" ? "expired" : "lagged");
  }

  /** Gives up what waits for a stream, but for what `besides` has. */
  #giveUpMissed(besides?: Group): void {
    for (const content of this.#missed) {
      if (content.group === besides) continue;
      this.#missed.delete(content);
      this.#giveUp(content.group, "no_stream");
    }
  }

  get #paused(): boolean {
    return this.#options.forward === false;
  }

  /** Nothing more is sent until it resumes. */
  #pause(): void {
    this.#pauses++;
    this.#sending.reset(this.#subscriber.channel.dialect.resetCode("cancelled"));
    this.#sending.prune();
    this.#missed.clear();
    this.#selections?.cancel();
  }

  get #selected(): Selections {
    const priorityOf = (start: Pick<SubgroupStart, "priority">) => this.#publisherPriority(start);
    const { later } = this.#subscriber;
    this.#selections ??= new Selections({ track: this.#track, range: this.#range, later, priorityOf });
    return this.#selections;
  }

  /** Other objects are wanted from now on. */
  #refilter(): void {
    const floor = this.#floor;
    if (floor === undefined || this.#info === undefined || this.#paused) return;
    const { start = 0, end = Number.MAX_SAFE_INTEGER } = this.#range.range;
    const groups = wantedGroups(this.#track, this.#options, Math.max(floor, start), end);
    const code = this.#subscriber.channel.dialect.resetCode("cancelled");
    const more = this.#selected.change(this.#options.filter, this.#sending, groups, code);
    this.#sending.prune();
    for (const content of more) this.#take(content);
  }

  /** It goes on with the next object; one that has not begun joins as its options say. */
  #resume(): void {
    if (this.#floor === undefined) this.#join();
    else {
      this.#range.resume();
      if (this.#track.newest?.keeps) this.#offerGroup(this.#track.newest);
    }
  }

  /** A bounded range is over once a group past it has begun, or its last group is complete or has the last object. */
  #checkEnd(): void {
    const { end, endObject = Number.POSITIVE_INFINITY } = this.#range.range;
    const newest = this.#track.newest;
    if (end === undefined || newest === undefined || this.#info === undefined || this.#end !== undefined) return;
    const isLast = newest.sequence === end && (!newest.open || newest.lastId > endObject);
    if (newest.sequence > end || isLast) this.#finale(end + 1);
  }

  #finale(end: number): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#subscriber.ended(this.#range.number(end));
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    this.#sending.prune();
    if (this.#end === undefined || this.#done || this.#selections?.waiting) return;
    for (const { content, stream } of this.#sending) if (!stream.ended && content.open) return;
    this.#done = true;
    this.#track.leave(this);
    this.#subscriber.closed(undefined);
  }

  #finish(reason: Reason): void {
    this.#done = true;
    this.#figures.sent = this.sentPayload;
    this.#selections?.cancel();
    this.#sending.reset(this.#subscriber.channel.dialect.resetCode(reason));
    this.#sending.clear();
    this.#missed.clear();
    this.#track.leave(this);
  }
}
