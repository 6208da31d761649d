/**
 * Why something was refused, cut short or ended. A closed set with stable names: they appear in logs and
 * metrics, and each protocol family maps them to its own wire codes.
 */
export const REASONS = [
  /** The peer that asked has left or has cancelled. */
  "cancelled",
  /** Older than the viewer's max latency. */
  "expired",
  /** No answer or no data came in time. */
  "timeout",
  /** The session's token does not allow it. */
  "unauthorized",
  /** The session's token has expired. */
  "token_expired",
  /** The session's token, or the key that signed it, was revoked. */
  "token_revoked",
  /** A bound of this relay. The metric of bounds names it. */
  "limit",
  /** The publisher could serve the request, and has no capacity for it now. Another publisher of the path may have. */
  "no_capacity",
  /** There is one already, and there may be only one. */
  "duplicate",
  /** No such broadcast, track or group. */
  "not_found",
  /** The peer broke the protocol. */
  "protocol",
  /** Not part of this version, or not offered by the publisher. */
  "unsupported",
  /** The publisher, or the relay that this one takes the track from, has gone. */
  "upstream",
  /** Ended on purpose, for example by a relay that shuts down. */
  "closed",
  /** The reader was too slow. */
  "lagged",
  /** A frame larger than the relay takes. */
  "frame_too_large",
  /** Every route leads back to the peer that asked. */
  "unroutable",
  /** No longer in the cache. */
  "evicted",
  /** Another publisher took the path. */
  "replaced",
  /** A defect of this relay. The log has the error. */
  "internal",
] as const;
export type Reason = (typeof REASONS)[number];
