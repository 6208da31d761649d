import type { Counters, DropReason } from "../counters.ts";
import type { Asker } from "./contract.ts";
import type { Group } from "./group.ts";
import type { CacheUse } from "./track-view.ts";
import type { NumberedTrack } from "./viewer-range.ts";

/** The part of a track that its subscriptions need. */
export interface SubscribedTrack<S> extends NumberedTrack {
  readonly counters: Counters;
  /** Joins and fetches by whether the cache answered. */
  readonly use: CacheUse;
  now(): number;
  /** The viewer lost groups. */
  lost(viewer: Asker | undefined, reason: DropReason, groups: number): void;
  readonly newest: Group | undefined;
  /** The priority that policies give its path, 0 to 7. */
  readonly priority: number;
  /** Groups that can be joined from their first frame, with `from <= sequence <= to`, ascending. */
  joinable(from: number, to: number): Group[];
  /**
   * Milliseconds by which `group` is older than the newest (moq-lite Expiration). By arrival or by timestamp, whichever is more; with
   * `reach` by the latest timestamp that the group may have, and below 0 where nothing says how far it reaches.
   */
  age(group: Group, reach?: boolean): number;
  /** What the subscription asks for has changed. */
  changed(): void;
  leave(subscription: S): void;
}
