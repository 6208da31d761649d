import type { Clock } from "../../../moq/clock.ts";
import type { DatagramObject, SubgroupStart, SubgroupWriter, SubscribeOptions } from "../../../moq/model/index.ts";
import type { Reason } from "../../../moq/reason.ts";
import type { Peers } from "../../contract.ts";
import { beginningWith, type TrackAddress, TrackAtRelay, type TrackAtRelayEvents } from "../track-at-relay.ts";
import type { MergedGroups } from "./merged-groups.ts";
import type { ProtectionCode } from "./metrics.ts";

/** Milliseconds until a relay is asked again that was lost or refused the track. Each further time in a row doubles them, up to {@link AVOID_MS}. */
const RETRY_MS = 1_000;
/** Milliseconds until a relay is asked again that sends other content, or was far behind while there was another one. */
const AVOID_MS = 30_000;
/** Milliseconds for the last groups of a relay that has ended the track, while the first source continues. */
const STRAGGLER_MS = 2_000;
/** Milliseconds behind the other source from which on a source counts as slow. */
export const BEHIND_MS = 1_000;

export interface SecondSourceDeps {
  readonly clock: Clock;
  readonly peers: Peers;
  readonly address: TrackAddress;
  readonly options: () => SubscribeOptions;
  readonly merged: MergedGroups;
  /** The newest group that did not come by the merge, or the one before the first one that the first source named. */
  readonly direct: () => number | undefined;
  /** Relays other than `first`, best first. */
  readonly candidates: (first: string) => readonly string[];
  readonly datagram: (datagram: DatagramObject) => void;
  /** It was lost while the first source continues. */
  readonly carried: () => void;
  /** The relay `node` has ended the track. */
  readonly ended: (node: string) => void;
}

/** The second relay that a track is taken from: another one than the first source's, as soon as there is one. */
export class SecondSource implements TrackAtRelayEvents {
  readonly #deps: SecondSourceDeps;
  #current: TrackAtRelay | undefined;
  /** Delivers until the current one, or the first source, has begun a group. */
  #former: TrackAtRelay | undefined;
  /** The one of both that began a group last. */
  #feeding: TrackAtRelay | undefined;
  /** The newest group when the former one became that. */
  #retiredAt = -1;
  /** The current one has answered. */
  #confirmed = false;
  /** The current one sends other content. */
  #differs = false;
  /** Times in a row that a relay was lost or refused the track. At most as many relays as there are candidates. */
  readonly #failures = new Map<string, number>();
  /** Why relays are avoided. */
  #trouble: ProtectionCode = "second_refused";
  /** Relays that are not asked for a while; each value cancels the end of that. */
  readonly #avoided = new Map<string, () => void>();
  /** The relay of the first source, while there is one. */
  #first: string | undefined;
  #cancelStragglers = () => {};
  #closed = false;

  constructor(deps: SecondSourceDeps) {
    this.#deps = deps;
  }

  /** The relay that it is taken from, or that it is asked at. */
  get node(): string | undefined {
    return this.#current?.node;
  }

  /** Whether groups may come from it. */
  get live(): boolean {
    return this.#current?.live === true || this.#former?.live === true;
  }

  /** Whether groups may come from it, and not from the relay `node`. */
  continuesBeside(node: string): boolean {
    return [this.#current, this.#former].some((one) => one?.live === true && one.node !== node);
  }

  get state(): ProtectionCode {
    const { merged } = this.#deps;
    if (this.#current === undefined) return this.#avoided.size > 0 ? this.#trouble : "no_second_route";
    if (this.#differs) return "content_differs";
    const began = this.#feeding === this.#current;
    if (!this.#confirmed || !this.#current.live) return "starting";
    if (merged.behindMs > BEHIND_MS) return began ? "source_behind" : "starting";
    return "protected";
  }

  /**
   * The first source is at the relay `first` now, or between two relays. Called when that may have changed, and when the candidates have.
   * `begun`: the group that the first source has just begun.
   */
  check(first: string | undefined, begun = -1): void {
    if (this.#closed) return;
    this.#first = first;
    // While the first source moves, the second one stays as it is.
    if (first === undefined) return;
    // The first source has moved to the same relay, and delivers now what the former one did.
    if (this.#former?.node === first && begun > this.#retiredAt) this.#endFormer();
    if (this.#current?.node === first) this.#retire();
    this.#leaveSlow(first);
    if (this.#current === undefined) this.#open(this.#best(first));
  }

  update(options: SubscribeOptions): void {
    this.#current?.update(options);
  }

  requestGroup(above: number): void {
    this.#current?.requestGroup(above);
  }

  known(): void {
    this.#current?.known();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelStragglers();
    for (const cancel of this.#avoided.values()) cancel();
    this.#avoided.clear();
    this.#current?.cancel();
    this.#former?.cancel();
    this.#deps.merged.drop("second");
  }

  /** It sends other content than the first source: what it has begun may end, because viewers may have the begin of it. */
  contentDiffers(): void {
    this.#differs = true;
  }

  info(): void {
    this.#confirmed = true;
  }

  started(from: TrackAtRelay): void {
    if (from === this.#current) this.#confirmed = true;
  }

  subgroup(from: TrackAtRelay, start: SubgroupStart): SubgroupWriter | Reason {
    if (this.#differs) {
      this.#dropDifferent();
      return "duplicate";
    }
    if (from === this.#former && this.#feeding === this.#current && this.#current !== undefined) return "duplicate";
    if (from === this.#current) this.#confirmed = true;
    const writer = this.#deps.merged.begin("second", start);
    if (typeof writer === "string" && writer !== "duplicate") return writer;
    this.#feeding = from;
    if (this.#failures.size > 0) this.#failures.delete(from.node);
    if (from === this.#current) this.#endFormer();
    return writer;
  }

  datagram(_from: TrackAtRelay, datagram: DatagramObject): void {
    this.#deps.datagram(datagram);
  }

  /** What this relay does not send, the first source may send. */
  dropped(): void {}

  ended(): void {}

  closed(from: TrackAtRelay, reason: Reason | undefined): void {
    if (reason === undefined) {
      // Its last groups may still arrive. Where the first source goes on, this one's publisher alone has ended.
      this.#cancelStragglers();
      this.#cancelStragglers = this.#deps.clock.timer(STRAGGLER_MS, () => this.#endEnded(from));
      this.#deps.ended(from.node);
      return;
    }
    if (from === this.#feeding) {
      this.#feeding = undefined;
      this.#deps.merged.drop("second");
      if (from === this.#current) this.#lost();
    }
    if (from === this.#former) this.#former = undefined;
    if (from !== this.#current) return;
    this.#current = undefined;
    this.#avoidFailed(from.node);
    this.check(this.#first);
  }

  leaving(from: TrackAtRelay): void {
    this.#moveFrom(from);
  }

  /** It delivers if it answers again before another one has taken its place. */
  suspected(from: TrackAtRelay): void {
    const feeding = from === this.#feeding;
    if (this.#moveFrom(from) && feeding) this.#lost();
  }

  renewed(from: TrackAtRelay): void {
    if (from !== this.#current) return;
    this.#retire();
    this.#open(from.node);
  }

  /** Another relay takes its place. False where there is no other one: then it stays to the end. */
  #moveFrom(from: TrackAtRelay): boolean {
    const first = this.#first;
    if (from !== this.#current || first === undefined) return false;
    const best = this.#best(first, from.node);
    if (best === undefined) return false;
    this.#avoid(from.node, RETRY_MS, "second_refused");
    this.#retire();
    this.#open(best);
    return true;
  }

  #lost(): void {
    if (this.#first !== undefined) this.#deps.carried();
  }

  #best(first: string, besides = first): string | undefined {
    return this.#deps.candidates(first).find((node) => node !== first && node !== besides && !this.#avoided.has(node));
  }

  #open(node: string | undefined): void {
    if (node === undefined) return;
    const { peers, address, merged, direct, options } = this.#deps;
    this.#confirmed = false;
    this.#differs = false;
    const opened = () => {
      const start = merged.startOfSecond(direct());
      return start === undefined ? options() : beginningWith(start, options());
    };
    this.#current = new TrackAtRelay(node, peers, { ...address, options: opened }, this);
  }

  /** The current one delivers until another one does. */
  #retire(): void {
    this.#endFormer();
    this.#former = this.#current;
    this.#retiredAt = this.#deps.merged.newest ?? -1;
    this.#current = undefined;
  }

  #endFormer(): void {
    const former = this.#former;
    if (former === undefined) return;
    this.#former = undefined;
    if (this.#feeding === former) {
      this.#feeding = undefined;
      this.#deps.merged.drop("second");
    }
    former.cancel();
  }

  /** Another relay takes the place of one that is far behind, where there is another one. */
  #leaveSlow(first: string): void {
    const slow = this.#current;
    if (slow === undefined || this.#feeding !== slow || this.#deps.merged.secondBehindMs <= BEHIND_MS) return;
    const best = this.#best(first, slow.node);
    if (best === undefined) return;
    this.#avoid(slow.node, AVOID_MS, "second_refused");
    this.#retire();
    this.#open(best);
  }

  #endEnded(ended: TrackAtRelay): void {
    if (ended === this.#former) this.#endFormer();
    if (ended !== this.#current) return;
    this.#retire();
    this.#endFormer();
    this.#avoidFailed(ended.node);
    this.check(this.#first);
  }

  #dropDifferent(): void {
    const different = this.#current;
    if (different === undefined || this.#deps.merged.sends("second")) return;
    this.#avoid(different.node, AVOID_MS, "content_differs");
    this.#current = undefined;
    this.#feeding = undefined;
    different.cancel();
    this.check(this.#first);
  }

  #avoidFailed(node: string): void {
    const failures = this.#failures.get(node) ?? 0;
    this.#failures.set(node, failures + 1);
    this.#avoid(node, Math.min(RETRY_MS * 2 ** failures, AVOID_MS), "second_refused");
  }

  #avoid(node: string, ms: number, trouble: ProtectionCode): void {
    this.#avoided.get(node)?.();
    this.#trouble = trouble;
    const end = () => {
      this.#avoided.delete(node);
      this.check(this.#first);
    };
    this.#avoided.set(node, this.#deps.clock.timer(ms, end));
  }
}
