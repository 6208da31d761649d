import type {
  DatagramObject,
  SubgroupStart,
  SubgroupWriter,
  SubscribeOptions,
  Upstream,
  UpstreamSink,
} from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import { isPassing } from "./answers.ts";
import { HeldGroups } from "./held-groups.ts";
import { MissingGroups } from "./missing-groups.ts";
import { beginningWith, type TrackAddress, TrackAtRelay, type TrackAtRelayEvents } from "./track-at-relay.ts";
import type { FailoverTrackDeps } from "./track-deps.ts";
import { TrackOptions } from "./track-options.ts";
import { TrackTimers } from "./track-timers.ts";

/** Milliseconds that a better relay must stay the better one before a running track moves to it. */
const PREFER_MS = 5_000;
/** Milliseconds that a track keeps the former relay after a move. Groups of it that have not ended by then are fetched. */
const OVERLAP_MS = 10_000;
/** Milliseconds until relays are asked again after all of them refused. */
const RETRY_MS = 250;
/**
 * Milliseconds that the next relay has after one that knew no way to the broadcast any more: then a further relay is asked as well, because the
 * next one may know none either, and may take longer to find out.
 */
const DOUBT_MS = 60;
/** Milliseconds without a group after which a track moves without one: it may have no further group for hours. */
const SILENT_MS = 5_000;
/** Milliseconds for the last groups of a track that has ended: their streams may arrive after its end. */
const STRAGGLER_MS = 2_000;

/** One track that moves from one relay to the next; its viewers see one continuous track. */
export class FailoverTrack implements Upstream, TrackAtRelayEvents {
  readonly #deps: FailoverTrackDeps;
  readonly #address: Omit<TrackAddress, "known" | "epoch">;
  readonly #sink: UpstreamSink;
  readonly #groups: HeldGroups;
  readonly #missing: MissingGroups;
  readonly #timers: TrackTimers;
  /** When its relay was lost, until another one begins a group. */
  #lostAt: number | undefined;
  /** Relays that have refused since the last group. */
  readonly #refused = new Set<string>();
  readonly #options: TrackOptions;
  #current: TrackAtRelay | undefined;
  /** Becomes the current one with its first group, even one that is known already. */
  #next: TrackAtRelay | undefined;
  /** Finishes the groups that it has begun. */
  #former: TrackAtRelay | undefined;
  /** The former relay's groups from this one on are refused. */
  #takenOverAt = Number.POSITIVE_INFINITY;
  #informed = false;
  /** One of the relays has said that the track exists. */
  #known: boolean;
  #started = false;
  /** The relay that has ended the track while another source continued, until another relay sends a group. */
  #endedAt: string | undefined;
  #concluding = false;
  #over = false;

  constructor(
    address: Omit<TrackAddress, "known" | "epoch">,
    options: SubscribeOptions,
    sink: UpstreamSink,
    deps: FailoverTrackDeps,
  ) {
    this.#address = address;
    this.#options = new TrackOptions(options);
    this.#sink = sink;
    this.#known = sink.known === true;
    this.#deps = deps;
    this.#timers = new TrackTimers(deps.clock);
    this.#groups = new HeldGroups({
      begin: (start) => sink.subgroup(start),
      over: () => this.#groupOver(),
      orphaned: () => this.#missing.checkLater(),
    });
    this.#missing = new MissingGroups({
      clock: deps.clock,
      groups: this.#groups,
      current: () => (this.#current?.live === true ? this.#current : undefined),
      priority: () => this.#options.current.priority,
      lost: () => void deps.counters.groupsLost++,
    });
  }

  /** The relay that the track is taken from; nothing while it is taken from none. */
  get name(): string {
    return this.#address.track;
  }

  get relay(): string | undefined {
    return this.#current?.live === true ? this.#current.node : undefined;
  }

  /** Called once, when the owner has stored the track. */
  start(): void {
    this.#connect();
  }

  update(options: SubscribeOptions): void {
    this.#options.update(options);
    this.#current?.update(options);
    this.#next?.update(options);
  }

  requestGroup(above: number): void {
    this.#options.wish(above);
    this.#current?.requestGroup(above);
    this.#next?.requestGroup(above);
  }

  known(): void {
    this.#known = true;
    this.#current?.known();
    this.#next?.known();
  }

  cancel(): void {
    this.#end();
  }

  /** The order of the candidates changed. */
  candidatesChanged(): void {
    if (this.#over || this.#concluding) return;
    const current = this.#current;
    if (current === undefined) {
      this.#refused.clear();
      this.#connect();
      return;
    }
    const best = this.#best();
    if (best === current.node && !current.leaving) {
      // The current relay is the best again before another one has begun over. In doubt, the next one is asked besides it.
      if (this.#next?.node !== current.node && this.#lostAt === undefined) {
        this.#next?.cancel();
        this.#next = undefined;
      }
    }
    if (best === undefined || best === current.node || best === this.#next?.node) return;
    if (!current.live) this.#replace(best);
    else if (!this.#deps.peers.answers(current.node)) this.suspected(current);
    else if (current.leaving || this.#deps.candidates(current.node)[0] !== current.node) this.#moveLater(current);
  }

  info(...[info, largest]: Parameters<UpstreamSink["info"]>): void {
    this.#delivers();
    if (this.#informed) return;
    this.#informed = true;
    this.#sink.info(info, largest);
  }

  started(from: TrackAtRelay, sequence: number): void {
    this.#delivers();
    if (from === this.#current) this.#missing.fill(sequence);
    if (this.#started) return;
    this.#started = true;
    this.#sink.started(sequence);
  }

  subgroup(from: TrackAtRelay, start: SubgroupStart): SubgroupWriter | Reason {
    const sequence = start.group;
    if (this.#over) return "cancelled";
    this.#delivers();
    this.#refused.clear();
    this.#endedAt = undefined;
    if (from === this.#former && sequence >= this.#takenOverAt) return "duplicate";
    const orphan = this.#groups.isOrphan(start);
    const writer = this.#groups.begin(from, start);
    const begun = typeof writer !== "string";
    if (orphan && begun) this.#deps.counters.groupsResumed++;
    else if (begun) this.#options.fulfilled();
    if (begun && from !== this.#former) this.#gapEnds(from);
    // The next relay delivers, so it takes over. The former one finishes what it has begun and begins nothing new, even when its groups
    // always arrive first.
    if (from === this.#next) this.#takeOver(from, begun ? sequence : (this.#groups.newest ?? sequence) + 1);
    return writer;
  }

  datagram(from: TrackAtRelay, datagram: DatagramObject): void {
    if (from === this.#current && !this.#over) this.#sink.datagram(datagram);
  }

  dropped(start: number, end: number): void {
    if (!this.#over) this.#sink.dropped(start, end);
  }

  ended(end: number): void {
    if (!this.#over) this.#sink.ended(end);
  }

  closed(from: TrackAtRelay, reason: Reason | undefined): void {
    if (this.#over) return;
    if (this.#concluding) {
      if (reason !== undefined) this.#groups.orphan(from);
      return;
    }
    if (reason === undefined && from === this.#current && this.#deps.continues(from.node)) {
      // Its publisher alone has ended: it counts as lost.
      this.#endedAt = from.node;
      from.cancel();
      this.closed(from, "upstream");
      return;
    }
    if (reason !== undefined) this.#groups.orphan(from);
    if (from === this.#former) this.#former = undefined;
    else if (from === this.#next) {
      this.#next = undefined;
      this.#refuse(from, reason);
    } else if (from === this.#current) this.#lost(from, reason);
  }

  /** The other source, at `node`, has ended the track: it is over where its own relay has ended it before. */
  otherEnded(node: string): void {
    const ended = this.#endedAt !== undefined && this.#endedAt !== node;
    if (ended && !this.#over && !this.#concluding && this.#current?.live !== true) this.#conclude();
  }

  leaving(from: TrackAtRelay): void {
    if (from === this.#current) this.#move();
  }

  /** Another relay takes over at once, where there is one that is not silent itself. The silent one is asked for nothing more. */
  suspected(from: TrackAtRelay): void {
    if (this.#over || this.#concluding) return;
    if (from === this.#former) this.#endFormer();
    else if (from === this.#next) {
      from.cancel();
      this.#next = undefined;
    } else if (from === this.#current) {
      const { candidates, peers, lostAs } = this.#deps;
      const alone = !candidates().some((node) => node !== from.node && peers.answers(node));
      // Viewers wait for the relay. Relays that this one serves may know another way.
      if (alone && lostAs === "upstream") return;
      from.cancel();
      this.#missing.abandon();
      if (alone) this.#giveUp();
      else this.closed(from, "upstream");
    }
  }

  /** Moves to the new link of the same relay, as it would to another relay. */
  renewed(from: TrackAtRelay): void {
    if (from !== this.#current || !from.live || this.#next !== undefined) return;
    this.#next = this.#subscribeAt(from.node);
    this.#awaitSilence(this.#next);
  }

  /** Without a group, `next` cannot take over with one: it does so once the current link has sent nothing for a while. */
  #awaitSilence(next: TrackAtRelay): void {
    const { newest } = this.#groups;
    this.#timers.restart("silence", SILENT_MS, () => {
      const current = this.#current;
      if (this.#next !== next || current === undefined) return;
      const silent = next.live && this.#groups.newest === newest && !this.#groups.anySentBy(current);
      if (silent) this.#takeOver(next, (newest ?? -1) + 1);
      else this.#awaitSilence(next);
    });
  }

  /** The current relay is gone, or refuses the track. */
  #lost(from: TrackAtRelay, reason: Reason | undefined): void {
    if (reason === undefined) {
      this.#conclude();
      return;
    }
    this.#current = undefined;
    if (!this.#deps.carried() && this.#groups.newest !== undefined) this.#lostAt ??= this.#deps.clock.now();
    if (this.#next?.node !== from.node) this.#refuse(from, reason);
    this.#timers.begin("give_up", this.#deps.holdMs, () => this.#giveUp());
    const next = this.#next;
    if (next !== undefined) {
      this.#takeOver(next, Number.POSITIVE_INFINITY);
      // It was subscribed after the groups that are unfinished now, so those are fetched.
      if (next.live) this.#missing.fill((this.#groups.newest ?? 0) + 1);
      return;
    }
    if (this.#groups.newest !== undefined) this.#deps.counters.failovers++;
    if (this.#best() === undefined && !isPassing(reason)) {
      if (this.#endedAt !== undefined) {
        this.#conclude();
        return;
      }
      this.#end();
      this.#sink.closed(reason);
      return;
    }
    this.#connect();
    if (reason !== "unroutable") return;
    this.#timers.begin("doubt", DOUBT_MS, () => {
      if (this.#lostAt !== undefined && this.#current !== undefined) this.#move();
    });
  }

  #gapEnds(from: TrackAtRelay): void {
    if (this.#lostAt === undefined) return;
    if (from === this.#current) {
      // It knows a way after all.
      this.#next?.cancel();
      this.#next = undefined;
    }
    this.#deps.gaps.observe((this.#deps.clock.now() - this.#lostAt) / 1000);
    this.#lostAt = undefined;
  }

  /** No other relay was reached within `holdMs`. */
  #giveUp(): void {
    if (this.#current?.live === true) return;
    if (this.#endedAt !== undefined) {
      this.#conclude();
      return;
    }
    this.#end();
    this.#sink.closed(this.#deps.lostAs);
    this.#deps.spent();
  }

  /** A relay delivers: the wait is over. */
  #delivers(): void {
    if (this.#current?.live !== true && this.#next === undefined) return;
    this.#timers.cancel("give_up");
  }

  #refuse({ node }: TrackAtRelay, reason: Reason | undefined): void {
    this.#refused.add(node);
    if (reason === "replaced") this.#deps.behind(node);
  }

  #best(): string | undefined {
    return this.#deps.candidates(this.#current?.node).find((node) => !this.#refused.has(node));
  }

  #connect(): void {
    if (this.#over || this.#current !== undefined) return;
    const best = this.#best();
    if (best === undefined) {
      this.#timers.begin("give_up", this.#deps.holdMs, () => this.#giveUp());
      this.#timers.begin("retry", RETRY_MS, () => {
        this.#refused.clear();
        this.#connect();
      });
      return;
    }
    this.#current = this.#subscribeAt(best);
  }

  /** A better relay appeared while the current one was not up yet. */
  #replace(best: string): void {
    const before = this.#current;
    this.#current = undefined;
    before?.cancel();
    this.#current = this.#subscribeAt(best);
  }

  #subscribeAt(node: string): TrackAtRelay {
    const { epoch } = this.#deps;
    const address = { ...this.#address, epoch, known: () => this.#known, options: () => this.#remaining() };
    return new TrackAtRelay(node, this.#deps.peers, address, this);
  }

  /** The subscription at the next relay: from the first unfinished group, or from the one after the newest. */
  #remaining(): SubscribeOptions {
    const start = this.#groups.unfinished;
    if (start === undefined) return this.#options.current;
    this.#missing.expect(start);
    return beginningWith(start, this.#options.current);
  }

  #moveLater(current: TrackAtRelay): void {
    if (current.leaving || !this.#deps.candidates().includes(current.node)) {
      this.#move();
      return;
    }
    this.#timers.begin("move", PREFER_MS, () => {
      if (this.#current !== undefined && this.#best() !== this.#current.node) this.#move();
    });
  }

  /** Subscribes at the best other relay, which takes over with its first group, or when both have been silent. */
  #move(): void {
    if (this.#over || this.#concluding || this.#next !== undefined) return;
    const current = this.#current?.node;
    const best = this.#deps.candidates().find((node) => node !== current && !this.#refused.has(node));
    if (best === undefined) return;
    this.#next = this.#subscribeAt(best);
    this.#awaitSilence(this.#next);
  }

  /** `first`: the group with which the next relay began. */
  #takeOver(next: TrackAtRelay, first: number): void {
    this.#next = undefined;
    this.#former?.cancel();
    this.#former = this.#current;
    this.#takenOverAt = first;
    this.#current = next;
    // The candidates may have changed meanwhile.
    this.candidatesChanged();
    if (next.live && next.first !== undefined) this.#missing.fill(next.first);
    this.#missing.checkLater();
    if (this.#former === undefined) return;
    this.#deps.counters.splices++;
    this.#timers.restart("overlap", OVERLAP_MS, () => this.#endFormer());
    if (!this.#groups.anySentBy(this.#former)) this.#endFormer();
  }

  /** The former relay's groups are over or took too long; what is missing of them is fetched from the current relay. */
  #endFormer(): void {
    const former = this.#former;
    if (former === undefined) return;
    this.#former = undefined;
    this.#timers.cancel("overlap");
    this.#groups.orphan(former);
    former.cancel();
  }

  #groupOver(): void {
    if (this.#former !== undefined && !this.#groups.anySentBy(this.#former)) this.#endFormer();
  }

  /** The track has ended, but its last groups may still arrive. */
  #conclude(): void {
    this.#concluding = true;
    // Above all the waits for another relay.
    this.#timers.cancelAll();
    this.#timers.begin("conclusion", STRAGGLER_MS, () => this.#end());
    this.#sink.closed(undefined);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timers.cancelAll();
    this.#missing.close();
    for (const one of [this.#current, this.#next, this.#former]) one?.cancel();
    this.#groups.reset();
    this.#deps.gone();
  }
}
