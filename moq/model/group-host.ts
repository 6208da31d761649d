import type { Clock } from "../clock.ts";
import type { BoundName, Counters } from "../counters.ts";
import type { CacheShare } from "./cache.ts";
import type { ModelLimits } from "./limits.ts";
import type { Run } from "./replay.ts";

/** What a group needs from its track and the process. */
export interface GroupHost<G> {
  /** Where the bytes of its groups are charged. */
  readonly cache: CacheShare;
  readonly counters: Counters;
  readonly limits: ModelLimits;
  readonly clock: Pick<Clock, "now">;
  /** Timestamp for a frame of a version without timestamps, in the track's timescale. */
  stamp(): number;
  /** Viewers wait for the track's properties, so none is attached yet. */
  awaited(): boolean;
  /** Whether the publisher's timescale is another one than the track's: asked once for each subgroup. */
  rescales(): boolean;
  /** Turns a publisher's timestamp into the track's timescale. */
  rescale(timestamp: number): number;
  /** The first object of `group` has begun. */
  begun(group: G): void;
  /** So many bytes of payload were sent to readers. Called when a group ends, not for each frame. */
  sent(bytes: number): void;
  /** All subgroups of `group` have ended, and it lacks ids below the end that its publisher named: they may still come, or do not exist. */
  lacks(group: G): void;
  /** `group` gets no more objects. */
  done(group: G): void;
  /** `group` is kept no longer. */
  forgotten(group: G): void;
}

/** What a subgroup needs of its group. */
export interface SubgroupOwner {
  readonly open: boolean;
  readonly payloadBytes: number;
  objects: number;
  endsTrack: boolean;
  firstTimestamp: number | undefined;
  keep(bytes: number): boolean;
  passThrough(bound: BoundName): void;
  endsAt(id: number): void;
  /** A subgroup of it is not passed on any more. */
  unpassed(): void;
  subgroupDone(subgroup: Pick<Run, "broken">): void;
  /** Whether {@link changed} has an effect. */
  readonly watched: boolean;
  /** An object is whole. */
  changed(): void;
}

/** Who merges the subgroups of a group. */
export interface Merging {
  /** An object has begun. */
  pump(): void;
  /** Bytes of an object have arrived in `subgroup`. */
  appended(subgroup: object): void;
  /** An object of `subgroup` is whole. */
  ended(subgroup: object): void;
}
