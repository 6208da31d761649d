import type { Clock } from "../../moq/clock.ts";
import { ForwardingWriter, type SubgroupWriter } from "../../moq/model/index.ts";
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
    const begin = (): SubgroupWriter | undefined => {
      if (!this.#fetching.has(sequence)) return undefined;
      const begun = groups.begin(sender, sequence);
      if (typeof begun === "string") {
        if (end()) cancelFetch();
        stopped();
        return undefined;
      }
      begun.onStop(() => {
        stop();
        stopped();
      });
      return begun;
    };
    const cancelTimer = clock.timer(FETCH_MS, () => giveUp("timeout"));
    const stop = (): void => {
      if (end()) cancelFetch();
    };
    this.#fetching.set(sequence, { cancel: stop, abandon: () => giveUp("upstream") });
    const writer = new FetchedGroupWriter({
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
  /** The writer of the group; nothing when it is not needed any more. */
  begin(): SubgroupWriter | undefined;
  /** All of it has arrived. False when it was given up before. */
  ended(): boolean;
  failed(reason: Reason): void;
  onStop(callback: (reason: Reason) => void): void;
}

/** Passes a fetched group on. The group begins with its first frame; until then the current relay may still deliver it. */
class FetchedGroupWriter extends ForwardingWriter {
  readonly #events: FetchedGroupEvents;

  constructor(events: FetchedGroupEvents) {
    super(undefined);
    this.#events = events;
  }

  override object(size: number, timestamp: number | undefined, id?: number, properties?: Uint8Array): void {
    this.target ??= this.#events.begin();
    super.object(size, timestamp, id, properties);
  }

  override finish(): void {
    this.target ??= this.#events.begin();
    if (this.#events.ended()) super.finish();
  }

  override reset(reason: Reason): void {
    this.#events.failed(reason);
  }

  override onStop(callback: (reason: Reason) => void): void {
    this.#events.onStop(callback);
  }
}
