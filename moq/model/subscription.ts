import type { DropReason } from "../counters.ts";
import type { Reason } from "../reason.ts";
import type { Asker, DatagramObject, SubscribeOptions, Subscriber, TrackInfo } from "./contract.ts";
import type { Group } from "./group.ts";
import { wholeGroup } from "./locations.ts";
import { hasLeft, Outgoing, type Sending } from "./outgoing.ts";
import { OVERTAKEN } from "./publisher-numbering.ts";
import type { SubscribedTrack } from "./subscribed-track.ts";
import type { ViewerView } from "./track-view.ts";

/** Places within a subscription that priorities tell apart. Groups further behind share the last one. */
const POSITIONS = 2 ** 12;

/**
 * Stream priority: that of the policy for the path, then subscriber priority, then publisher priority, then the place in the
 * subscription's own order (moq-lite Prioritization). Places rather than sequences, so that tracks of equal priority share the link.
 * From 0 to 2^31-2, below what control messages have.
 */
export function rank(policy: number, subscriber: number, publisher: number, position: number): number {
  const own = subscriber * 2 ** 20 + publisher * 2 ** 12 + Math.max(0, POSITIONS - 2 - position);
  return policy * 2 ** 28 + own;
}

/** One viewer of one track: which groups it gets, in what order, and when one is given up. */
export class Subscription {
  readonly #track: SubscribedTrack<Subscription>;
  readonly #subscriber: Subscriber;
  /** Of its path, as it was when the subscription began. */
  readonly #priority: number;
  #options: SubscribeOptions;
  #info: TrackInfo | undefined;
  /** Groups below it are never sent. Known with the first group. */
  #floor: number | undefined;
  readonly #sending: Outgoing;
  /** The newest group, while the viewer allows no stream for it. */
  #missed: Group | undefined;
  /** No group at or after it will be sent. */
  #end: number | undefined;
  #done = false;
  /** Subtracted from the track's numbers for this viewer. Known with the first group of the publisher. */
  #shift: number | undefined;
  /** When it began, until it has its first group. */
  #waitsSince: number | undefined;
  /** Groups that it lost. */
  #lost = 0;
  /** Payload of the groups of which nothing more will be sent, in bytes. */
  #sent = 0;
  /** It is being given groups that were there before it. */
  #cached = false;

  constructor(track: SubscribedTrack<Subscription>, options: SubscribeOptions, subscriber: Subscriber) {
    this.#track = track;
    this.#options = options;
    this.#subscriber = subscriber;
    this.#priority = track.priority;
    this.#waitsSince = track.now();
    this.#sending = new Outgoing(
      options.ordered,
      (place) => this.#rank(place),
      (sending) => this.#hasLeft(sending),
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
    return this.ownNumbers && this.#shift !== undefined;
  }

  /** Streams that may still have something to send. */
  get sending(): number {
    return this.#sending.size;
  }

  /** Bytes of payload that were written to its streams. Its cost grows with the groups that are under way. */
  get sentPayload(): number {
    let sum = this.#sent;
    for (const { lost, group } of this.#sending) if (!lost) sum += group.payloadBytes;
    return sum;
  }

  /** For operators. Its cost grows with the groups that are under way. */
  view(): ViewerView {
    let [groups, queuedBytes, lagMs] = [0, 0, 0];
    for (const sending of this.#sending) {
      if (hasLeft(sending)) continue;
      groups += 1;
      queuedBytes += sending.stream.queued;
      lagMs = Math.max(lagMs, this.#track.age(sending.group));
    }
    return { who: this.asker?.who, groups, queuedBytes, lagMs, lost: this.#lost };
  }

  /** The track exists: the viewer gets its properties, and the groups that are in the cache. */
  accept(info: TrackInfo): void {
    if (this.#done || this.#info !== undefined) return;
    this.#info = info;
    this.#subscriber.accepted(info, undefined);
    this.#join();
  }

  /** A group has begun. */
  offer(group: Group): void {
    if (this.#done || this.#info === undefined) return;
    const { start, end } = this.#range();
    if (end !== undefined && group.sequence > end) {
      this.#finale(end + 1);
      return;
    }
    if (start !== undefined && group.sequence < start) return;
    if (this.#floor === undefined) this.#beginWith(group);
    else if (group.sequence < this.#floor) return;
    if (this.#missed !== undefined && group === this.#track.newest) this.#giveUp(this.#missed, "no_stream");
    const newest = this.#track.newest ?? group;
    if (group !== newest && this.#isExpired(group)) {
      this.#giveUp(group, "expired");
      return;
    }
    this.#open(group);
  }

  /** The viewer allows streams again: the newest group is sent from its start. */
  retry(): void {
    const missed = this.#missed;
    if (missed === undefined || this.#done) return;
    this.#missed = undefined;
    if (missed.keeps) this.#open(missed);
    else this.#giveUp(missed, "evicted");
  }

  /** Resets groups that are too old and still queued, and forgets those that have left. Called a moment after each new group. */
  sweep(): void {
    const newest = this.#track.newest;
    let changed = false;
    for (const sending of this.#sending) {
      const { group, stream } = sending;
      if (hasLeft(sending)) changed = true;
      else if (group !== newest && stream.queued > 0 && this.#isExpired(group)) {
        this.#reset(sending, "expired");
        changed = true;
      }
    }
    if (changed) this.#closeIfDone();
  }

  /** The viewer does not keep up: all groups but the newest are reset. */
  shed(): void {
    const newest = this.#track.newest;
    for (const sending of this.#sending) if (sending.group !== newest) this.#reset(sending, "backlog");
    this.#closeIfDone();
  }

  update(options: SubscribeOptions): void {
    if (this.#done) return;
    this.#options = options;
    const { start: from } = this.#range();
    if (from !== undefined && this.#floor !== undefined && from < this.#floor && this.#info) {
      const to = this.#floor - 1;
      this.#floor = from;
      this.#offerAll(from, to);
    }
    this.#sending.reorder(options.ordered);
    this.#track.changed();
    this.#checkEnd();
  }

  /** The track has ended before `end`. */
  ended(end: number): void {
    if (this.#done) return;
    if (this.#missed !== undefined) this.#giveUp(this.#missed, "no_stream");
    this.#finale(end);
  }

  /** A group gets no more frames: a range that ends with it may be over. */
  groupDone(): void {
    this.#checkEnd();
    if (this.#end !== undefined) this.#closeIfDone();
  }

  datagram(datagram: DatagramObject): void {
    if (this.#done || this.#info === undefined) return;
    const { start, end } = this.#range();
    const { group } = datagram;
    if (group < (this.#floor ?? start ?? 0) || (end !== undefined && group > end)) return;
    const number = this.#numberForViewer(group);
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
    this.#cached = true;
    const { start, end } = this.#range();
    const newest = this.#track.newest;
    const last = end ?? Number.MAX_SAFE_INTEGER;
    const current =
      newest !== undefined && newest.sequence >= (start ?? this.#lowest) && newest.sequence <= last
        ? newest
        : undefined;
    if (this.#options.byMaxAge) this.#joinByAge(start ?? this.#lowest, last);
    else if (start !== undefined) this.#offerAll(start, last);
    else if (current?.keeps) {
      this.#track.counters.joins++;
      this.#track.use.hits++;
      this.#begin(current.sequence, current.sequence);
      this.offer(current);
    } else {
      this.#track.counters.joinMisses++;
      this.#track.use.misses++;
    }
    this.#cached = false;
    if (current?.passed) this.#giveUp(current, "evicted");
    this.#checkEnd();
  }

  /** Begins with the oldest group that has not expired. */
  #joinByAge(from: number, to: number): void {
    const [oldest] = this.#wanted(from, to);
    const { counters, use } = this.#track;
    if (oldest === undefined) {
      counters.joinMisses++;
      use.misses++;
      return;
    }
    counters.joins++;
    use.hits++;
    this.#begin(oldest.sequence, oldest.sequence);
    this.#offerAll(oldest.sequence, to);
  }

  /** Kept groups from `from` to `to` that may be sent. */
  #wanted(from: number, to: number): Group[] {
    const groups = this.#track.joinable(from, to);
    if (!this.#options.byMaxAge) return groups;
    return groups.filter((group) => group === this.#track.newest || !this.#isExpired(group));
  }

  #isExpired(group: Group): boolean {
    const { byMaxAge, maxLatency } = this.#options;
    return byMaxAge ? this.#track.age(group, true) >= maxLatency : this.#track.age(group) > maxLatency;
  }

  /** The first group of the track has begun. Groups before it may still come, because streams overtake each other. */
  #beginWith(group: Group): void {
    const first = this.#track.feed?.first ?? group.sequence - OVERTAKEN;
    const from = Math.max(Math.min(first, group.sequence), this.#range().start ?? 0, this.#lowest);
    this.#begin(from, this.#subscriber.promisesStart || this.#track.feed?.first !== undefined ? from : 0);
  }

  /** Offers the groups from `from` to `to`: the newest of them, when there are more than may be under way at once. */
  #offerAll(from: number, to: number): void {
    const groups = this.#wanted(from, to);
    const left = groups.splice(0, Math.max(0, groups.length - this.#room));
    for (const group of groups) this.offer(group);
    const [first, last] = [left[0], left.at(-1)];
    if (first === undefined || last === undefined || this.#done) return;
    this.#countLost("backlog", left.length);
    this.#subscriber.dropped(this.#numberForViewer(first.sequence), this.#numberForViewer(last.sequence), "lagged");
  }

  /** Groups that may be under way at once. */
  get #room(): number {
    return this.#subscriber.maxGroups ?? Number.POSITIVE_INFINITY;
  }

  #begin(sequence: number, floor: number): void {
    this.#floor = floor;
    this.#subscriber.started(this.#numberForViewer(sequence));
  }

  #open(group: Group): void {
    if (!this.#makeRoom(group)) {
      this.#giveUp(group, "backlog");
      return;
    }
    const place = this.#sending.placeOf(group);
    const stream = this.#subscriber.open(wholeGroup(this.#numberForViewer(group.sequence)), this.#rank(place), 0);
    if (stream === undefined) {
      if (group === this.#track.newest) this.#missed = group;
      else this.#giveUp(group, "no_stream");
      return;
    }
    this.#track.counters.groupsOut++;
    const now = this.#track.now();
    if (this.#waitsSince !== undefined) this.#gotFirst(now - this.#waitsSince);
    this.#sending.add(group, stream, place, now);
    group.subgroup.attach(this.#subscriber.channel, stream, this.#subscriber.later);
  }

  #rank(place: number): number {
    return rank(this.#priority, this.#options.priority, this.#info?.priority ?? 0, place);
  }

  #gotFirst(afterMs: number): void {
    this.#waitsSince = undefined;
    const { firstGroup } = this.#track.counters;
    (this.#cached ? firstGroup.cache : firstGroup.upstream).observe(afterMs / 1000);
  }

  /** Nothing more of the group will be sent. */
  #hasLeft({ group, openedAt, lost }: Sending): void {
    if (lost) return;
    this.#sent += group.payloadBytes;
    const { endedAt } = group.subgroup;
    if (endedAt === undefined) return;
    this.#track.counters.delivery.observe((this.#track.now() - Math.max(endedAt, openedAt)) / 1000);
  }

  /** At the bound the oldest group under way makes room, never the newest. False when `group` is older than all of them. */
  #makeRoom(group: Group): boolean {
    while (this.#sending.size >= this.#room) {
      const { oldest } = this.#sending;
      if (oldest === undefined) return true;
      if (oldest.group.sequence > group.sequence) return false;
      this.#sending.shift();
      if (hasLeft(oldest)) this.#hasLeft(oldest);
      else this.#reset(oldest, "backlog");
    }
    return true;
  }

  #reset(sending: Sending, reason: DropReason): void {
    const { stream, group, lost } = sending;
    if (!lost) this.#sent += group.payloadBytes;
    sending.lost = true;
    this.#countLost(reason, 1);
    stream.reset(this.#subscriber.channel.dialect.resetCode(reason === "backlog" ? "lagged" : "expired"));
  }

  #countLost(reason: DropReason, groups: number): void {
    this.#lost += groups;
    this.#track.counters.groupsDropped[reason] += groups;
    this.#track.lost(this.asker, reason, groups);
  }

  #giveUp(group: Group, reason: DropReason): void {
    if (group === this.#missed) this.#missed = undefined;
    this.#countLost(reason, 1);
    const number = this.#numberForViewer(group.sequence);
    this.#subscriber.dropped(number, number, reason === "expired" ? "expired" : "lagged");
  }

  /** A bounded range is over once a group past it has begun or its last group is complete. */
  #checkEnd(): void {
    const { end } = this.#range();
    const newest = this.#track.newest;
    if (end === undefined || newest === undefined || this.#info === undefined || this.#end !== undefined) return;
    if (newest.sequence > end || (newest.sequence === end && !newest.subgroup.open)) this.#finale(end + 1);
  }

  #finale(end: number): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#subscriber.ended(this.#numberForViewer(end));
    this.#closeIfDone();
  }

  /** The lowest number of the publisher in use, for a viewer that gets one publisher's groups. */
  get #lowest(): number {
    return this.ownNumbers ? (this.#track.feed?.lowest ?? 0) : 0;
  }

  /** What it asks for, in the track's numbers. */
  #range(): Pick<SubscribeOptions, "start" | "end"> {
    if (!this.ownNumbers) return this.#options;
    const { start, end } = this.#options;
    const shift = this.#shifted();
    return {
      ...(start === undefined ? {} : { start: Math.max(start + shift, this.#lowest) }),
      ...(end === undefined ? {} : { end: end + shift }),
    };
  }

  /** The track's number as this viewer sees it. Capped, because an end that the publisher named may be above what versions write. */
  #numberForViewer(sequence: number): number {
    return Math.min(Math.max(0, sequence - this.#shifted()), Number.MAX_SAFE_INTEGER);
  }

  #shifted(): number {
    if (!this.ownNumbers) return 0;
    this.#shift ??= this.#track.feed?.offset;
    return this.#shift ?? 0;
  }

  #closeIfDone(): void {
    this.#sending.prune();
    if (this.#end === undefined || this.#done) return;
    for (const { group, stream } of this.#sending) if (!stream.ended && group.subgroup.open) return;
    this.#done = true;
    this.#track.leave(this);
    this.#subscriber.closed(undefined);
  }

  #finish(reason: Reason): void {
    this.#done = true;
    this.#sent = this.sentPayload;
    for (const { stream } of this.#sending) {
      stream.reset(this.#subscriber.channel.dialect.resetCode(reason));
    }
    this.#sending.clear();
    this.#missed = undefined;
    this.#track.leave(this);
  }
}
