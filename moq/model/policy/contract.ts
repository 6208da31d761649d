/**
 * What an operator sets for the broadcasts at or under a prefix. An absent field is inherited: see `PolicyTable`. In a bound and in a rate
 * 0 is no bound; each of them counts what takes it from the same policy.
 */
export interface PolicyValues {
  /** Bytes that the cache keeps. */
  readonly cacheBytes?: number;
  /** Milliseconds that the cache keeps a group which is not the newest of its track. */
  readonly cacheMaxAgeMs?: number;
  /** Broadcasts that clients announce at once. */
  readonly broadcasts?: number;
  /** Sessions of clients that announce at least one broadcast. */
  readonly publishers?: number;
  /** Tracks that are in use or kept. */
  readonly tracks?: number;
  /** Sessions of clients that can use nothing outside of the prefix. */
  readonly sessions?: number;
  /** Tracks that clients watch at once. */
  readonly subscriptions?: number;
  /** Bytes a second from such sessions, and to them. */
  readonly ingress?: number;
  readonly egress?: number;
  /** Whether clients without a token may watch and publish. */
  readonly publicSubscribe?: boolean;
  readonly publicPublish?: boolean;
  /** From 0 to {@link HIGHEST_PRIORITY}: of two streams of one connection, that of the higher priority is sent first. */
  readonly priority?: number;
}

export interface Policy extends PolicyValues {
  /** Normalised: without slashes at its ends. Empty: every path. */
  readonly prefix: string;
}

export const HIGHEST_PRIORITY = 7;

/** Of broadcasts that no policy gives another one: there is room above and below it. */
export const DEFAULT_PRIORITY = 4;

/** The bounds that are counted one by one. */
export const COUNTED = ["broadcasts", "publishers", "tracks", "sessions", "subscriptions"] as const;
export type Counted = (typeof COUNTED)[number];
