/** Bounds of the model. What happens at each: a refusal with reason `limit` and a count in `Counters.boundsHit`. */
export interface ModelLimits {
  /** Broadcasts known at once. */
  readonly broadcasts: number;
  /** Tracks of one broadcast that are subscribed to or cached. */
  readonly tracksPerBroadcast: number;
  /** Payload bytes of one frame. */
  readonly frameBytes: number;
  /** Payload bytes of one group. */
  readonly groupBytes: number;
  readonly framesPerGroup: number;
  /** Groups of one track that the cache keeps. */
  readonly groupsPerTrack: number;
  /** Subscriptions and requests that wait for a broadcast, over the whole process. */
  readonly waitingSubscriptions: number;
  /** Milliseconds that a subscription waits for its broadcast, or for a lost publisher to come back. */
  readonly subscribeWaitMs: number;
  /** Milliseconds that a track stays subscribed upstream after its last subscriber left. */
  readonly trackLingerMs: number;
}

/** Whole-process budget and policy of the group cache. */
export interface CacheOptions {
  /** Bytes, payload and bookkeeping. */
  readonly bytes: number;
  /** `oldest`: by arrival. `lru`: by last use. `none`: nothing but live tracks' groups is kept. */
  readonly policy: "oldest" | "lru" | "none";
  /** Milliseconds that any group other than the newest is kept, whatever its publisher says. */
  readonly maxAgeMs: number;
}
