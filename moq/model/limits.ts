/**
 * Bounds of the model, each counted in `Counters.boundsHit`. At a bound on what is kept, live groups go on and are not kept. At any other
 * bound a request is refused with `limit`.
 */
export interface ModelLimits {
  /** Broadcasts known at once. */
  readonly broadcasts: number;
  /** Tracks of one broadcast that are subscribed to or cached. */
  readonly tracksPerBroadcast: number;
  /** Payload bytes of one frame. */
  readonly frameBytes: number;
  /** Payload bytes of a group that is kept. A longer group passes through. */
  readonly groupBytes: number;
  /** Frames of a group that is kept. A longer group passes through. */
  readonly framesPerGroup: number;
  /** Groups of one track that the cache keeps. */
  readonly groupsPerTrack: number;
  /** Subscriptions and requests that wait for a broadcast, over the whole process. */
  readonly waitingSubscriptions: number;
  /** Milliseconds that a subscription waits for its broadcast, or for another publisher after it lost one. */
  readonly subscribeWaitMs: number;
  /** Milliseconds that a track stays subscribed upstream after its last viewer has left. */
  readonly trackLingerMs: number;
}

/** Whole-process budget and policy of the group cache. */
export interface CacheOptions {
  /** Bytes, payload and bookkeeping. */
  readonly bytes: number;
  /** Which group that has a successor is evicted first. `oldest`: by arrival. `lru`: by last use. */
  readonly policy: "oldest" | "lru";
  /** Milliseconds that any group other than the newest is kept, whatever its publisher says. */
  readonly maxAgeMs: number;
}
