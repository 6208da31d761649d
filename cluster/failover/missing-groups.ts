import type { Clock } from "../../moq/clock.ts";
import type { FetchedObject, FetchWriter, SubgroupStart, SubgroupWriter } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { HeldGroups } from "./held-groups.ts";
import type { TrackAtRelay } from "./track-at-relay.ts";

/**
 * Milliseconds in which the current relay may deliver a missing group by itself, where it does not say at which group it starts; then the
 * group is fetched. A few round trips along the tiers.
 */
const SELF_REPAIR_MS = 1_000;
/** Milliseconds for the fetch of one group. */
const FETCH_MS = 5_000;
/** A group further behind the newest than this is not fetched: it is not live any more. Counts where groups are numbered 0, 1, 2. */
const MAX_BEHIND = 16;

export interface MissingGroupsDeps {
  readonly clock: Clock;
  readonly groups: HeldGroups;
  /** The current relay, once the track is subscribed to there. */
  readonly current: () => TrackAtRelay | undefined;
  readonly priority: () => number;
  /** The rest of a group could not be fetched. */
  readonly lost: () => void;
}

/**
 * Fetches what the current relay does not deliver by itself after it took over:
 * - groups that the former relay began and did not finish; one that cannot be fetched is given up;
 * - groups between the former relay's last and the current relay's first.
 */
export class MissingGroups {
  readonly #deps: MissingGroupsDeps;
  readonly #fetching = new Map<number, { readonly cancel: () => void; readonly abandon: () => void }>();
  #from: number | undefined;
  #cancelCheck: (() => void) | undefined;

  constructor(deps: MissingGroupsDeps) {
    this.#deps = deps;
  }

  /** The next relay was subscribed from the group `sequence` on. */
  expect(sequence: number): void {
    this.#from = sequence;
    this.checkLater();
  }

  /** Fetches what is still missing after a while. */
  checkLater(): void {
    this.#cancelCheck ??= this.#deps.clock.timer(SELF_REPAIR_MS, () => {
      this.#cancelCheck = undefined;
      const { current, groups } = this.#deps;
      if (current() !== undefined) this.fill((groups.newest ?? 0) + 1);
      else if (groups.orphans.length > 0) this.checkLater();
    });
  }

  /** Fetches what is missing before the group `end`; from there on the current relay delivers. */
  fill(end: number): void {
    const { groups } = this.#deps;
    const relay = this.#deps.current();
    if (relay === undefined) return;
    const newest = groups.newest ?? 0;
    const missing = groups.orphans.filter((sequence) => sequence < end);
    // Where numbers are timestamps or the like, the numbers between two groups are unknown.
    const from = groups.consecutive ? Math.max(this.#from ?? newest, newest - MAX_BEHIND, 0) : newest;
    for (let one = from; one < Math.min(end, newest); one++) if (!groups.knows(one)) missing.push(one);
    for (const sequence of missing) if (!this.#fetching.has(sequence)) this.#fetch(relay, sequence);
  }

  /** Ends the fetches from the relay that was the current one: the next relay is asked for the same groups. */
  abandon(): void {
    for (const { abandon } of [...this.#fetching.values()]) abandon();
  }

  close(): void {
    this.#cancelCheck?.();
    for (const { cancel } of [...this.#fetching.values()]) cancel();
  }

  #fetch(relay: TrackAtRelay, sequence: number): void {
    const { groups, clock, priority } = this.#deps;
    /** Identifies this fetch as the sender of the group. */
    const sender = {};
    let cancelFetch = (): void => {};
    let stopped = (): void => {};
    const end = (): boolean => {
      if (!this.#fetching.delete(sequence)) return false;
      cancelTimer();
      return true;
    };
    const giveUp = (reason: Reason): void => {
      if (!end()) return;
      cancelFetch();
      groups.orphan(sender);
      // Where the relay is gone, or goes over to another publisher and ends its subscription, the next one is asked for the group.
      if (reason === "replaced") this.checkLater();
      else if (relay.live && groups.giveUp(sequence)) this.#deps.lost();
    };
    const begin = (start: SubgroupStart): SubgroupWriter | undefined => {
      if (!this.#fetching.has(sequence)) return undefined;
      const begun = groups.begin(sender, start);
      if (typeof begun !== "string") {
        begun.onStop(() => {
          stop();
          stopped();
        });
        return begun;
      }
      // The current relay may deliver the group after all. Where the fetch brings other subgroups of it, it goes on.
      if (groups.knows(sequence) && (groups.anySentBy(sender) || groups.orphans.includes(sequence))) return undefined;
      if (end()) cancelFetch();
      stopped();
      return undefined;
    };
    const cancelTimer = clock.timer(FETCH_MS, () => giveUp("timeout"));
    const stop = (): void => {
      if (end()) cancelFetch();
    };
    this.#fetching.set(sequence, { cancel: stop, abandon: () => giveUp("upstream") });
    const writer = new FetchedGroupWriter(sequence, {
      begin,
      ended: end,
      failed: giveUp,
      onStop: (callback) => {
        stopped = () => callback("duplicate");
      },
    });
    const cancel = relay.fetch(sequence, priority(), writer);
    if (this.#fetching.has(sequence)) cancelFetch = cancel;
    else cancel();
  }
}

interface FetchedGroupEvents {
  /** The writer of a subgroup; nothing when it is not needed any more. */
  begin(start: SubgroupStart): SubgroupWriter | undefined;
  /** All of it has arrived. False when it was given up before. */
  ended(): boolean;
  failed(reason: Reason): void;
  onStop(callback: (reason: Reason) => void): void;
}

/**
 * Passes a fetched group on, each object to its subgroup. A subgroup begins with its first object; until then the current relay may still deliver
 * it. Objects that were sent as datagrams are left out: they were of use at their time.
 */
class FetchedGroupWriter implements FetchWriter {
  readonly #group: number;
  readonly #events: FetchedGroupEvents;
  readonly #writers = new Map<number, SubgroupWriter | undefined>();
  /** That of the object that is arriving. */
  #writer: SubgroupWriter | undefined;

  constructor(group: number, events: FetchedGroupEvents) {
    this.#group = group;
    this.#events = events;
  }

  object({ object, subgroup, priority, size, status, timestamp, properties }: FetchedObject): void {
    this.#writer = subgroup === undefined ? undefined : this.#of(subgroup, priority);
    if (status === undefined) this.#writer?.object(size, timestamp, object, properties);
    else this.#writer?.status(status, object, properties);
  }

  payload(bytes: Uint8Array): void {
    this.#writer?.payload(bytes);
  }

  end(): void {
    this.#writer?.end();
  }

  gap(): void {}

  finish(): void {
    if (this.#writers.size === 0) this.#of(0, undefined);
    if (!this.#events.ended()) return;
    for (const writer of this.#writers.values()) writer?.finish();
  }

  reset(reason: Reason): void {
    this.#events.failed(reason);
  }

  onStop(callback: (reason: Reason) => void): void {
    this.#events.onStop(callback);
  }

  #of(subgroup: number, priority: number | undefined): SubgroupWriter | undefined {
    if (this.#writers.has(subgroup)) return this.#writers.get(subgroup);
    // Which subgroup ends the group is not known, but where there is one. Groups of several end when they have been quiet.
    const endsGroup = subgroup === 0 && priority === undefined;
    const start = { group: this.#group, subgroup, firstObject: true, endsGroup };
    const writer = this.#events.begin(priority === undefined ? start : { ...start, priority });
    this.#writers.set(subgroup, writer);
    return writer;
  }
}
