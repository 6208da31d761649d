import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Asker, FetchRange, Later, Source } from "./contract.ts";
import type { KeptTracks } from "./kept-tracks.ts";
import type { ModelLimits } from "./limits.ts";
import type { Sweeps } from "./sweeps.ts";
import type { Terms } from "./terms.ts";
import type { Loss } from "./track-view.ts";
import type { Usage } from "./usage.ts";

/** What a track needs from its broadcast and the process. */
export interface TrackHost<T> {
  readonly clock: Clock;
  /** What holds for its broadcast now. */
  terms(): Terms;
  readonly counters: Counters;
  readonly limits: ModelLimits;
  readonly kept: KeptTracks;
  readonly sweeps: Sweeps;
  /** A viewer of the track lost groups. */
  lost(loss: Loss): void;
  /** Of its broadcast. */
  readonly usage: Usage;
  /** Counts one more track that waits for a publisher; false at the bound. */
  wait(): boolean;
  stopWaiting(): void;
  /** One of its groups has ended, and none is being received. */
  between(): void;
  /** The track stays subscribed without viewers. */
  unwatched(): void;
  /** The source that gives the track has no capacity for it: the best other route, once. */
  another(track: T): TrackRoute | undefined;
  /** `source` has no capacity for a fetch of the track on behalf of `asker`: the best other source of the same content. */
  other(track: T, source: Source, asker: Asker | undefined): Source | undefined;
  /** The track has ended: nothing refers to it any more. */
  idle(track: T): void;
}

/** Where a track comes from: a source, and which publisher of the path that is. */
export interface TrackRoute {
  readonly source: Source;
  readonly generation: number;
  readonly advertisement: { readonly epoch: bigint };
}

/** What a track is created with. */
export interface TrackStart {
  /** The only peer that it serves, by a route that does not lead back to that peer. Absent: it serves all peers. */
  readonly asker: Asker | undefined;
  readonly route: TrackRoute | undefined;
}

/** A group to fetch. `own`: the number is the publisher's, not the track's. */
export interface Wanted {
  readonly number: number;
  readonly own: boolean;
  readonly priority: number;
  readonly asker: Asker | undefined;
  /** As `Subscriber` has it. */
  readonly later?: Later | undefined;
}

/** A range to fetch. `own`: its numbers are the publisher's, not the track's. */
export interface WantedRange extends Omit<Wanted, "number"> {
  readonly range: FetchRange;
  /** As `RangeWhere` has it. */
  readonly waitMs?: number | undefined;
  readonly later: Later | undefined;
}

/** A range as the track numbers it. */
export interface Located {
  readonly range: FetchRange;
  /** Added to the source's numbers to get the track's. */
  readonly offset: number;
}
