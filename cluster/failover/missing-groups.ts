import type { Clock } from "../../moq/clock.ts";
import { ForwardingWriter, type GroupWriter } from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { HeldGroups } from "./held-groups.ts";
import type { TrackAtRelay } from "./track-at-relay.ts";

/**
 * Milliseconds that the relay in use has to bring a group by itself before it is fetched, where it does not say at which one it
 * starts: a few round trips along the tiers.
 */
const PATIENCE_MS = 1_000;
/** Milliseconds for a group that was fetched. */
const FETCH_MS = 5_000;
/**
 * Groups before the newest that are looked for, where groups are numbered one after the other: what is further back is no live
 * group any more.
 */
const REACH = 16;

export interface MissingGroupsDeps {
  readonly clock: Clock;
  readonly groups: HeldGroups;
  /** The relay in use, once the track is subscribed to there. */
  readonly leg: () => TrackAtRelay | undefined;
  readonly priority: () => number;
  /** A group was begun that nobody has the rest of. */
  readonly lost: () => void;
}

/**
 * What the relay in use does not bring by itself after it took over: groups that another one began and did not end, and those
 * between the last of that one and its own first. They are fetched, one by one; a group that was begun and cannot be had is given up.
 */
export class MissingGroups {
  readonly #deps: MissingGroupsDeps;
  readonly #fetching = new Map<number, () => void>();
  #from: number | undefined;
  #cancelLook: (() => void) | undefined;

  constructor(deps: MissingGroupsDeps) {
    this.#deps = deps;
  }

  /** Another relay takes over, and was asked for what begins with `sequence`. */
  expect(sequence: number): void {
    this.#from = sequence;
    this.lookSoon();
  }

  /** Looks, in a while, for what is missing. */
  lookSoon(): void {
    this.#cancelLook ??= this.#deps.clock.timer(PATIENCE_MS, () => {
      this.#cancelLook = undefined;
      const { leg, groups } = this.#deps;
      if (leg() !== undefined) this.fill((groups.newest ?? 0) + 1);
      else if (groups.orphans.length > 0) this.lookSoon();
    });
  }

  /** Fetches what is missing before the group `end`: the relay in use brings what comes from there. */
  fill(end: number): void {
    const { groups } = this.#deps;
    const leg = this.#deps.leg();
    if (leg === undefined) return;
    const newest = groups.newest ?? 0;
    const missing = groups.orphans.filter((sequence) => sequence < end);
    // Where numbers are time stamps or the like, which groups there are between two of them cannot be told.
    const from = groups.consecutive ? Math.max(this.#from ?? newest, newest - REACH, 0) : newest;
    for (let one = from; one < Math.min(end, newest); one++) if (!groups.knows(one)) missing.push(one);
    for (const sequence of missing) if (!this.#fetching.has(sequence)) this.#fetch(leg, sequence);
  }

  close(): void {
    this.#cancelLook?.();
    for (const cancel of [...this.#fetching.values()]) cancel();
  }

  #fetch(leg: TrackAtRelay, sequence: number): void {
    const { groups, clock, priority } = this.#deps;
    /** Who feeds the group, for its holder. */
    const feeder = {};
    let cancelFetch = (): void => {};
    let stopped = (): void => {};
    const end = (): boolean => {
      if (!this.#fetching.delete(sequence)) return false;
      cancelTimer();
      return true;
    };
    const giveUp = (): void => {
      if (!end()) return;
      cancelFetch();
      groups.orphan(feeder);
      // A relay that went meanwhile has a successor, which is asked.
      if (leg.live && groups.lose(sequence)) this.#deps.lost();
    };
    const begin = (): GroupWriter | undefined => {
      if (!this.#fetching.has(sequence)) return undefined;
      const taken = groups.take(feeder, sequence);
      if (typeof taken === "string") {
        if (end()) cancelFetch();
        stopped();
        return undefined;
      }
      taken.onStop(() => {
        if (end()) cancelFetch();
        stopped();
      });
      return taken;
    };
    const cancelTimer = clock.timer(FETCH_MS, giveUp);
    this.#fetching.set(sequence, () => {
      if (end()) cancelFetch();
    });
    const writer = new FetchedGroupWriter({
      begin,
      ended: end,
      failed: giveUp,
      onStop: (callback) => {
        stopped = () => callback("duplicate");
      },
    });
    const cancel = leg.fetch(sequence, priority(), writer);
    if (this.#fetching.has(sequence)) cancelFetch = cancel;
    else cancel();
  }
}

interface FetchedGroupEvents {
  /** Where the group goes; nothing when it is not wanted any more. */
  begin(): GroupWriter | undefined;
  /** All of it has come. False when it was given up before. */
  ended(): boolean;
  failed(): void;
  onStop(callback: (reason: Reason) => void): void;
}

/** Passes a fetched group on. It is begun with its first frame, because until then the relay in use may still bring it. */
class FetchedGroupWriter extends ForwardingWriter {
  readonly #events: FetchedGroupEvents;

  constructor(events: FetchedGroupEvents) {
    super(undefined);
    this.#events = events;
  }

  override frame(size: number, timestamp: number | undefined): void {
    this.target ??= this.#events.begin();
    super.frame(size, timestamp);
  }

  override finish(): void {
    this.target ??= this.#events.begin();
    if (this.#events.ended()) super.finish();
  }

  override reset(): void {
    this.#events.failed();
  }

  override onStop(callback: (reason: Reason) => void): void {
    this.#events.onStop(callback);
  }
}
