import type { Clock } from "../clock.ts";
import type { Counters, DropReason } from "../counters.ts";
import { ALL_GROUPS, type Asker, type SubscribeOptions } from "./contract.ts";
import type { Group } from "./group.ts";
import type { CacheUse } from "./track-view.ts";
import type { NumberedTrack } from "./viewer-range.ts";

/** Whether a subscription with these options does not want `group` any more. It is not the newest one. */
export function isExpired(
  track: Pick<SubscribedTrack<unknown>, "age">,
  { byMaxAge, maxLatency }: SubscribeOptions,
  group: Group,
): boolean {
  return byMaxAge ? track.age(group, true) >= maxLatency : track.age(group) > maxLatency;
}

/** Whether no group is too old for a subscription with these options. */
export function wantsAll({ maxLatency }: SubscribeOptions): boolean {
  return maxLatency >= ALL_GROUPS;
}

/** Kept groups from `from` to `to` that a subscription with these options wants, ascending. */
export function wantedGroups(
  track: Pick<SubscribedTrack<unknown>, "age" | "joinable" | "newest">,
  options: SubscribeOptions,
  from: number,
  to: number,
): Group[] {
  const groups = track.joinable(from, to);
  if (!options.byMaxAge) return groups;
  return groups.filter((group) => group === track.newest || !isExpired(track, options, group));
}

/** The part of a track that its subscriptions need. */
export interface SubscribedTrack<S> extends NumberedTrack {
  readonly counters: Counters;
  /** Joins and fetches by whether the cache answered. */
  readonly use: CacheUse;
  readonly clock: Pick<Clock, "now" | "timer">;
  /** The viewer lost groups. */
  lost(viewer: Asker | undefined, reason: DropReason, groups: number): void;
  /** The priority that policies give its path, 0 to 7. */
  readonly priority: number;
  /** Groups that can be joined from their first frame, with `from <= sequence <= to`, ascending. */
  joinable(from: number, to: number): Group[];
  /**
   * Milliseconds by which `group` is older than the newest (moq-lite Expiration). By arrival or by timestamp, whichever is more; with
   * `reach` by the latest timestamp that the group may have, and below 0 where nothing says how far it reaches.
   */
  age(group: Group, reach?: boolean): number;
  /** What the subscription asks for has changed. `newGroup`: as its options have it. */
  changed(newGroup?: number): void;
  leave(subscription: S): void;
}
