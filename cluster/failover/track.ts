import type { Clock } from "../../moq/clock.ts";
import { counter, metricGroup } from "../../moq/metrics.ts";
import type { GroupWriter, SubscribeOptions, TrackInfo, Upstream, UpstreamSink } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Peers } from "../contract.ts";
import { HeldGroups } from "./held-groups.ts";
import { MissingGroups } from "./missing-groups.ts";
import { type TrackAddress, TrackAtRelay, type TrackAtRelayEvents } from "./track-at-relay.ts";

/** Milliseconds that a better relay has to be known before a track that runs well goes over to it. */
const SETTLED_MS = 5_000;
/** Milliseconds that a track has two relays when it goes from one to the other: the groups of the old one end by then, or are fetched. */
const OVERLAP_MS = 10_000;
/** Milliseconds until relays that all refused are asked again. */
const RETRY_MS = 250;
/** Milliseconds that the last groups of a track which is over have to come: their streams race with its end. */
const STRAGGLER_MS = 2_000;

export const FAILOVER_METRICS = metricGroup("Failover", {
  failovers: counter("mesh_failovers_total", "Tracks that moved to another relay because theirs was lost."),
  splices: counter("mesh_splices_total", "Tracks that moved to another relay while theirs still ran."),
  groupsResumed: counter("mesh_groups_resumed_total", "Groups that one relay began and another relay ended."),
  groupsLost: counter("mesh_groups_lost_total", "Groups that no other relay could continue."),
});

export type FailoverCounters = Record<keyof typeof FAILOVER_METRICS.metrics, number>;

export interface FailoverTrackDeps {
  readonly clock: Clock;
  readonly peers: Peers;
  /** Names of relays that have it, best first. */
  readonly candidates: () => readonly string[];
  /** Milliseconds that the track is kept while no relay can be reached. */
  readonly holdMs: number;
  /**
   * Why it ends then. `upstream`: whoever waits here waits on. `unroutable`: whoever is served here, another relay, may know
   * another way, and is told to look for it.
   */
  readonly lostAs: "upstream" | "unroutable";
  readonly counters: FailoverCounters;
  /** A track was given up because no relay could be reached for too long. */
  readonly spent: () => void;
  readonly gone: () => void;
}

/** One track, taken from one relay after the other; its viewers see one track. */
export class FailoverTrack implements Upstream, TrackAtRelayEvents {
  readonly #deps: FailoverTrackDeps;
  readonly #what: Omit<TrackAddress, "known">;
  readonly #sink: UpstreamSink;
  readonly #groups: HeldGroups;
  readonly #gaps: MissingGroups;
  /** Relays that refused since the last group. */
  readonly #refused = new Set<string>();
  #options: SubscribeOptions;
  #leg: TrackAtRelay | undefined;
  /** Takes over when a group of it comes, be it one that is there already. */
  #next: TrackAtRelay | undefined;
  #old: TrackAtRelay | undefined;
  /** From this group on the old relay's are not taken any more. */
  #handedOver = Number.POSITIVE_INFINITY;
  #informed = false;
  /** The track is there, as one of the relays has said. */
  #known: boolean;
  #started = false;
  #concluding = false;
  #over = false;
  #cancelHold: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelSettled: (() => void) | undefined;
  #cancelOverlap: (() => void) | undefined;
  #cancelConclusion: (() => void) | undefined;

  constructor(
    what: Omit<TrackAddress, "known">,
    options: SubscribeOptions,
    sink: UpstreamSink,
    deps: FailoverTrackDeps,
  ) {
    this.#what = what;
    this.#options = options;
    this.#sink = sink;
    this.#known = sink.known === true;
    this.#deps = deps;
    this.#groups = new HeldGroups({
      begin: (sequence) => sink.group(sequence),
      over: () => this.#groupOver(),
      orphaned: () => this.#gaps.lookSoon(),
    });
    this.#gaps = new MissingGroups({
      clock: deps.clock,
      groups: this.#groups,
      leg: () => (this.#leg?.live === true ? this.#leg : undefined),
      priority: () => this.#options.priority,
      lost: () => void deps.counters.groupsLost++,
    });
  }

  /** Once, when whoever made it knows it. */
  start(): void {
    this.#connect();
  }

  update(options: SubscribeOptions): void {
    this.#options = options;
    this.#leg?.update(options);
    this.#next?.update(options);
  }

  known(): void {
    this.#known = true;
    this.#leg?.known();
    this.#next?.known();
  }

  cancel(): void {
    this.#end();
  }

  /** Relays came, went, or are better or worse than before. */
  candidatesChanged(): void {
    if (this.#over || this.#concluding) return;
    const leg = this.#leg;
    if (leg === undefined) {
      this.#refused.clear();
      this.#connect();
      return;
    }
    const best = this.#best();
    if (best === leg.node && !leg.leaving) {
      // It is the best again before another one has taken over.
      if (this.#next?.node !== leg.node) {
        this.#next?.cancel();
        this.#next = undefined;
      }
    }
    if (best === undefined || best === leg.node || best === this.#next?.node) return;
    if (!leg.live) this.#replace(best);
    else if (leg.leaving || this.#deps.candidates()[0] !== leg.node) this.#preferSoon(leg);
  }

  info(info: TrackInfo): void {
    this.#alive();
    if (this.#informed) return;
    this.#informed = true;
    this.#sink.info(info);
  }

  started(leg: TrackAtRelay, sequence: number): void {
    this.#alive();
    if (leg === this.#leg) this.#gaps.fill(sequence);
    if (this.#started) return;
    this.#started = true;
    this.#sink.started(sequence);
  }

  group(leg: TrackAtRelay, sequence: number): GroupWriter | Reason {
    if (this.#over) return "cancelled";
    this.#alive();
    this.#refused.clear();
    if (leg === this.#old && sequence >= this.#handedOver) return "duplicate";
    const known = this.#groups.knows(sequence);
    const writer = this.#groups.take(leg, sequence);
    const taken = typeof writer !== "string";
    if (known && taken) this.#deps.counters.groupsResumed++;
    // It delivers. Where the other one is always a moment ahead, that one ends what it has begun, and begins no more.
    if (leg === this.#next) this.#takeOver(leg, taken ? sequence : (this.#groups.newest ?? sequence) + 1);
    return writer;
  }

  datagram(leg: TrackAtRelay, sequence: number, timestamp: number, payload: Uint8Array): void {
    if (leg === this.#leg && !this.#over) this.#sink.datagram(sequence, timestamp, payload);
  }

  dropped(start: number, end: number): void {
    if (!this.#over) this.#sink.dropped(start, end);
  }

  ended(end: number): void {
    if (!this.#over) this.#sink.ended(end);
  }

  closed(leg: TrackAtRelay, reason: Reason | undefined): void {
    if (this.#over) return;
    if (reason !== undefined) this.#groups.orphan(leg);
    if (leg === this.#old) this.#old = undefined;
    else if (leg === this.#next) {
      this.#next = undefined;
      this.#refused.add(leg.node);
    } else if (leg === this.#leg) this.#lost(leg, reason);
  }

  leaving(leg: TrackAtRelay): void {
    if (leg === this.#leg) this.#splice();
  }

  /** Goes over to another link of the same relay, as it would to another relay. */
  renewed(leg: TrackAtRelay): void {
    if (leg === this.#leg && leg.live && this.#next === undefined) this.#next = this.#begin(leg.node);
  }

  /** The relay that it was taken from is gone, or will not give it. */
  #lost(leg: TrackAtRelay, reason: Reason | undefined): void {
    if (reason === undefined) {
      this.#conclude();
      return;
    }
    this.#leg = undefined;
    if (this.#next?.node !== leg.node) this.#refused.add(leg.node);
    this.#cancelHold ??= this.#deps.clock.timer(this.#deps.holdMs, () => this.#held());
    const next = this.#next;
    if (next !== undefined) {
      this.#takeOver(next, Number.POSITIVE_INFINITY);
      // It was asked for what comes after the groups that are cut off.
      if (next.live) this.#gaps.fill((this.#groups.newest ?? 0) + 1);
      return;
    }
    if (this.#groups.newest !== undefined) this.#deps.counters.failovers++;
    if (this.#best() === undefined && reason !== "upstream" && reason !== "unroutable") {
      this.#end();
      this.#sink.closed(reason);
      return;
    }
    this.#connect();
  }

  /** The time is over in which another relay should have been found. */
  #held(): void {
    this.#cancelHold = undefined;
    if (this.#leg?.live === true) return;
    this.#end();
    this.#sink.closed(this.#deps.lostAs);
    this.#deps.spent();
  }

  /** Something came: the wait is over. */
  #alive(): void {
    if (this.#leg?.live !== true && this.#next === undefined) return;
    this.#cancelHold?.();
    this.#cancelHold = undefined;
  }

  #best(): string | undefined {
    return this.#deps.candidates().find((node) => !this.#refused.has(node));
  }

  #connect(): void {
    if (this.#over || this.#leg !== undefined) return;
    const best = this.#best();
    if (best === undefined) {
      this.#cancelHold ??= this.#deps.clock.timer(this.#deps.holdMs, () => this.#held());
      this.#cancelRetry ??= this.#deps.clock.timer(RETRY_MS, () => {
        this.#cancelRetry = undefined;
        this.#refused.clear();
        this.#connect();
      });
      return;
    }
    this.#leg = this.#begin(best);
  }

  /** The relay being waited for is not the one to wait for any more. */
  #replace(best: string): void {
    const before = this.#leg;
    this.#leg = undefined;
    before?.cancel();
    this.#leg = this.#begin(best);
  }

  #begin(node: string): TrackAtRelay {
    const what = { ...this.#what, known: () => this.#known, options: () => this.#wanted() };
    return new TrackAtRelay(node, this.#deps.peers, what, this);
  }

  /** What to ask the next relay for: from the first group that is not whole, or the one after the newest. */
  #wanted(): SubscribeOptions {
    const { newest, orphans } = this.#groups;
    if (newest === undefined) return this.#options;
    const start = orphans.reduce((least, sequence) => Math.min(least, sequence), newest + 1);
    this.#gaps.expect(start);
    return { ...this.#options, start };
  }

  #preferSoon(leg: TrackAtRelay): void {
    if (leg.leaving || !this.#deps.candidates().includes(leg.node)) {
      this.#splice();
      return;
    }
    this.#cancelSettled ??= this.#deps.clock.timer(SETTLED_MS, () => {
      this.#cancelSettled = undefined;
      if (this.#leg !== undefined && this.#best() !== this.#leg.node) this.#splice();
    });
  }

  /** Goes over to the best other relay, which takes over with its first group. */
  #splice(): void {
    if (this.#over || this.#concluding || this.#next !== undefined) return;
    const from = this.#leg?.node;
    const best = this.#deps.candidates().find((node) => node !== from && !this.#refused.has(node));
    if (best === undefined) return;
    this.#next = this.#begin(best);
  }

  /** `first`: the group that it began with. */
  #takeOver(leg: TrackAtRelay, first: number): void {
    this.#next = undefined;
    this.#old?.cancel();
    this.#old = this.#leg;
    this.#handedOver = first;
    this.#leg = leg;
    // Relays may have changed while it was awaited.
    this.candidatesChanged();
    if (leg.live && leg.first !== undefined) this.#gaps.fill(leg.first);
    this.#gaps.lookSoon();
    if (this.#old === undefined) return;
    this.#deps.counters.splices++;
    this.#cancelOverlap?.();
    this.#cancelOverlap = this.#deps.clock.timer(OVERLAP_MS, () => this.#leaveOld());
    if (!this.#groups.feeds(this.#old)) this.#leaveOld();
  }

  /** The groups of the relay that was left are over, or took too long: what is missing of them is fetched from the other. */
  #leaveOld(): void {
    const old = this.#old;
    if (old === undefined) return;
    this.#old = undefined;
    this.#cancelOverlap?.();
    this.#groups.orphan(old);
    old.cancel();
  }

  #groupOver(): void {
    if (this.#old !== undefined && !this.#groups.feeds(this.#old)) this.#leaveOld();
  }

  /** The track is over, but for the groups that are still on their way. */
  #conclude(): void {
    this.#concluding = true;
    this.#cancelConclusion = this.#deps.clock.timer(STRAGGLER_MS, () => this.#end());
    this.#sink.closed(undefined);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const cancel of [
      this.#cancelHold,
      this.#cancelRetry,
      this.#cancelSettled,
      this.#cancelOverlap,
      this.#cancelConclusion,
    ]) {
      cancel?.();
    }
    this.#gaps.close();
    for (const leg of [this.#leg, this.#next, this.#old]) leg?.cancel();
    this.#groups.reset();
    this.#deps.gone();
  }
}
