import type { Clock } from "../../relay/clock.ts";
import type { GroupWriter, SubscribeOptions, TrackInfo, Upstream, UpstreamSink } from "../../relay/model/contract.ts";
import type { Reason } from "../../relay/model/reason.ts";
import type { Peers } from "../contract.ts";
import { HeldGroup } from "./held-group.ts";
import { Leg, type LegEvents } from "./leg.ts";

/** Milliseconds that a better relay has to be known before a track that runs well goes over to it. */
const SETTLED_MS = 5_000;
/** Milliseconds that a track has two relays when it goes from one to the other: the groups of the old one end by then. */
const OVERLAP_MS = 3_000;
/** Milliseconds until relays that all refused are asked again. */
const RETRY_MS = 250;
/** Groups that are remembered as complete, so that a second relay does not send them again. */
const REMEMBERED = 64;

/** Counted for the metrics. */
export interface SpliceCounters {
  /** Tracks that were taken from another relay because theirs was gone. */
  failovers: number;
  /** Tracks that went over to another relay while theirs still ran. */
  splices: number;
  /** Groups that one relay began and another ended. */
  groupsResumed: number;
  /** Groups that nobody went on with. */
  groupsLost: number;
}

export interface SplicedTrackDeps {
  readonly clock: Clock;
  readonly peers: Peers;
  /** Names of relays that have it, best first. */
  readonly candidates: () => readonly string[];
  /** Milliseconds that the track is kept while no relay can be reached. */
  readonly holdMs: number;
  readonly counters: SpliceCounters;
  /** A track was given up because no relay could be reached for too long. */
  readonly spent: () => void;
  readonly gone: () => void;
}

/** One track, taken from one relay after the other; its viewers see one track. */
export class SplicedTrack implements Upstream, LegEvents {
  readonly #deps: SplicedTrackDeps;
  readonly #what: { readonly path: string; readonly track: string };
  readonly #sink: UpstreamSink;
  readonly #groups = new Map<number, HeldGroup>();
  readonly #feeders = new Map<number, Leg>();
  readonly #complete: number[] = [];
  /** Relays that refused since the last group. */
  readonly #refused = new Set<string>();
  #options: SubscribeOptions;
  #leg: Leg | undefined;
  /** Takes over when its first group comes, be it one that is here already. */
  #next: Leg | undefined;
  #old: Leg | undefined;
  /** The newest group when it was left: later ones are the new relay's. */
  #lastOfOld = 0;
  #newest: number | undefined;
  #informed = false;
  #started = false;
  #over = false;
  #cancelHold: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelSettled: (() => void) | undefined;
  #cancelOverlap: (() => void) | undefined;

  constructor(
    what: { readonly path: string; readonly track: string },
    options: SubscribeOptions,
    sink: UpstreamSink,
    deps: SplicedTrackDeps,
  ) {
    this.#what = what;
    this.#options = options;
    this.#sink = sink;
    this.#deps = deps;
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

  cancel(): void {
    this.#end();
  }

  /** Relays came, went, or are better or worse than before. */
  candidatesChanged(): void {
    if (this.#over) return;
    const leg = this.#leg;
    if (leg === undefined) {
      this.#refused.clear();
      this.#connect();
      return;
    }
    const best = this.#best();
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

  started(sequence: number): void {
    this.#alive();
    for (const [number, group] of [...this.#groups]) if (number < sequence && !group.fed) this.#lose(group);
    if (this.#started) return;
    this.#started = true;
    this.#sink.started(sequence);
  }

  group(leg: Leg, sequence: number): GroupWriter | Reason {
    if (this.#over) return "cancelled";
    this.#alive();
    this.#refused.clear();
    const held = this.#groups.get(sequence);
    if (held?.fed === true || this.#complete.includes(sequence)) {
      // The other relay was faster, and may always be.
      if (leg === this.#next) this.#takeOver(leg);
      return "duplicate";
    }
    if (leg === this.#old && sequence > this.#lastOfOld && this.#leg?.live === true) return "duplicate";
    if (held !== undefined) {
      this.#deps.counters.groupsResumed++;
      this.#feeders.set(sequence, leg);
      return held.feed();
    }
    const writer = this.#sink.group(sequence);
    if (typeof writer === "string") return writer;
    if (this.#newest === undefined || sequence > this.#newest) this.#newest = sequence;
    if (leg === this.#next) this.#takeOver(leg);
    const group = new HeldGroup(writer, {
      over: () => this.#groupOver(sequence),
      orphaned: () => void this.#feeders.delete(sequence),
    });
    this.#groups.set(sequence, group);
    this.#feeders.set(sequence, leg);
    return group.feed();
  }

  datagram(leg: Leg, sequence: number, timestamp: number, payload: Uint8Array): void {
    if (leg === this.#leg && !this.#over) this.#sink.datagram(sequence, timestamp, payload);
  }

  dropped(start: number, end: number): void {
    if (!this.#over) this.#sink.dropped(start, end);
  }

  ended(end: number): void {
    if (!this.#over) this.#sink.ended(end);
  }

  closed(leg: Leg, reason: Reason | undefined): void {
    if (this.#over) return;
    for (const [sequence, feeder] of [...this.#feeders]) {
      if (feeder === leg && reason !== undefined) this.#groups.get(sequence)?.orphan();
    }
    if (leg === this.#old) this.#old = undefined;
    else if (leg === this.#next) {
      this.#next = undefined;
      this.#refused.add(leg.node);
    } else if (leg === this.#leg) this.#lost(leg, reason);
  }

  leaving(leg: Leg): void {
    if (leg === this.#leg) this.#splice();
  }

  /** The relay that it was taken from is gone, or will not give it. */
  #lost(leg: Leg, reason: Reason | undefined): void {
    this.#leg = undefined;
    if (reason === undefined) {
      this.#end();
      this.#sink.closed(undefined);
      return;
    }
    this.#refused.add(leg.node);
    this.#cancelHold ??= this.#deps.clock.timer(this.#deps.holdMs, () => this.#held());
    if (this.#next !== undefined) {
      this.#takeOver(this.#next);
      return;
    }
    if (this.#newest !== undefined) this.#deps.counters.failovers++;
    if (this.#best() === undefined && reason !== "upstream") {
      this.#end();
      this.#sink.closed(reason);
      return;
    }
    this.#connect();
  }

  /** The time is over in which another relay should have been found. */
  #held(): void {
    this.#cancelHold = undefined;
    if (this.#leg?.live === true) {
      for (const group of [...this.#groups.values()]) if (!group.fed) this.#lose(group);
      return;
    }
    this.#end();
    this.#sink.closed("upstream");
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

  #begin(node: string): Leg {
    return new Leg(node, this.#deps.peers, { ...this.#what, options: () => this.#wanted() }, this);
  }

  /** What to ask the next relay for: from the first group that is not whole, or the one after the newest. */
  #wanted(): SubscribeOptions {
    if (this.#newest === undefined) return this.#options;
    const orphans = [...this.#groups].filter(([, group]) => !group.fed).map(([sequence]) => sequence);
    return { ...this.#options, start: Math.min(this.#newest + 1, ...orphans) };
  }

  #preferSoon(leg: Leg): void {
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
    if (this.#over || this.#next !== undefined) return;
    const from = this.#leg?.node;
    const best = this.#deps.candidates().find((node) => node !== from && !this.#refused.has(node));
    if (best === undefined) return;
    this.#next = this.#begin(best);
  }

  #takeOver(leg: Leg): void {
    this.#next = undefined;
    this.#old?.cancel();
    this.#old = this.#leg;
    this.#leg = leg;
    this.#lastOfOld = this.#newest ?? 0;
    if (this.#old === undefined) return;
    this.#deps.counters.splices++;
    this.#cancelOverlap?.();
    this.#cancelOverlap = this.#deps.clock.timer(OVERLAP_MS, () => this.#leaveOld());
  }

  /** The groups of the relay that was left are over, or took too long. */
  #leaveOld(): void {
    const old = this.#old;
    if (old === undefined) return;
    this.#old = undefined;
    this.#cancelOverlap?.();
    for (const [sequence, feeder] of [...this.#feeders]) {
      const group = this.#groups.get(sequence);
      if (feeder === old && group !== undefined) this.#lose(group);
    }
    old.cancel();
  }

  #groupOver(sequence: number): void {
    this.#groups.delete(sequence);
    this.#feeders.delete(sequence);
    this.#complete.push(sequence);
    if (this.#complete.length > REMEMBERED) this.#complete.shift();
    if (this.#old !== undefined && ![...this.#feeders.values()].includes(this.#old)) this.#leaveOld();
  }

  #lose(group: HeldGroup): void {
    this.#deps.counters.groupsLost++;
    group.reset("upstream");
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const cancel of [this.#cancelHold, this.#cancelRetry, this.#cancelSettled, this.#cancelOverlap]) cancel?.();
    for (const leg of [this.#leg, this.#next, this.#old]) leg?.cancel();
    for (const group of [...this.#groups.values()]) group.reset("upstream");
    this.#deps.gone();
  }
}
