import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { GroupCache } from "./cache.ts";
import type { Asker, Later, Source } from "./contract.ts";
import type { KeptTracks } from "./kept-tracks.ts";
import type { ModelLimits } from "./limits.ts";

/** What a track needs from its broadcast and the process. */
export interface TrackHost<T> {
  readonly clock: Clock;
  readonly cache: GroupCache;
  readonly counters: Counters;
  readonly limits: ModelLimits;
  readonly kept: KeptTracks;
  /** Takes a place among those that wait for a publisher; false when all are taken. */
  wait(): boolean;
  stopWaiting(): void;
  /** The track stays, with nobody who uses it. */
  unwatched(): void;
  /** Nothing refers to the track any more. */
  idle(track: T): void;
}

/** Where a track is to be had: a source, and which publisher of the path that is. */
export interface TrackRoute {
  readonly source: Source;
  readonly generation: number;
}

/** How a track begins. */
export interface TrackStart {
  /** The only peer that it serves, by a route that does not lead back to that peer. Absent: it serves all. */
  readonly asker: Asker | undefined;
  readonly route: TrackRoute | undefined;
}

/** A group that is asked for by its number: its publisher's `own`, or this track's. */
export interface Wanted {
  readonly number: number;
  readonly own: boolean;
  readonly priority: number;
  readonly asker: Asker | undefined;
  /** As `Subscriber` has it. */
  readonly later?: Later | undefined;
}
