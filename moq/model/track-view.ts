import type { DropReason } from "../counters.ts";
import type { Asker, PeerName, Source } from "./contract.ts";
import type { GroupStore } from "./group-store.ts";

/** Groups that a viewer lost, as they are lost. */
export interface Loss {
  readonly path: string;
  readonly track: string;
  readonly viewer: Asker | undefined;
  readonly reason: DropReason;
  readonly groups: number;
}

/** One viewer of a track, for operators. */
export interface ViewerView {
  /** Absent where the viewer is no session. */
  readonly who: PeerName | undefined;
  /** Groups that are on their way to it, and their bytes in its queue. */
  readonly groups: number;
  readonly queuedBytes: number;
  /** Milliseconds by which the oldest group that is on its way is older than the newest group of the track. */
  readonly lagMs: number;
  /** Groups that it lost so far. */
  readonly lost: number;
}

/** One track at this relay, for operators. */
export interface TrackView {
  readonly track: string;
  /** It stays subscribed without viewers. */
  readonly kept: boolean;
  readonly subscribed: boolean;
  readonly cachedGroups: number;
  /** Bytes of payload and of the overhead of frames that the cache holds of it. */
  readonly cachedBytes: number;
  /** In the track's numbers; absent without a cached group. */
  readonly oldest?: number;
  readonly newest?: number;
  /** Milliseconds since the newest group began; absent without one. */
  readonly newestAgeMs?: number;
  /** Joins and fetches that the cache answered, and that it did not. */
  readonly hits: number;
  readonly misses: number;
  readonly viewers: number;
  /** Where it comes from; absent while it waits for a publisher. */
  readonly source: Source | undefined;
}

/** Joins and fetches of one track by whether the cache answered. */
export interface CacheUse {
  hits: number;
  misses: number;
}

interface Parts {
  readonly track: string;
  readonly kept: boolean;
  readonly source: Source | undefined;
  readonly subscribed: boolean;
  readonly now: number;
  readonly store: GroupStore;
  readonly use: CacheUse;
  readonly subscriptions: { readonly size: number };
}

/** Its cost grows with the groups of the track that are cached. */
export function viewOfTrack({ store, use, subscriptions, now, ...rest }: Parts): TrackView {
  let [cachedGroups, cachedBytes, oldest, newest] = [0, 0, Number.POSITIVE_INFINITY, -1];
  for (const { sequence, keptBytes } of store.kept()) {
    cachedGroups += 1;
    cachedBytes += keptBytes;
    oldest = Math.min(oldest, sequence);
    newest = Math.max(newest, sequence);
  }
  const last = store.newest;
  return {
    ...rest,
    ...use,
    viewers: subscriptions.size,
    cachedGroups,
    cachedBytes,
    ...(cachedGroups > 0 && { oldest, newest }),
    ...(last !== undefined && { newestAgeMs: now - last.arrivedAt }),
  };
}
