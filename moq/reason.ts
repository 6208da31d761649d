/**
 * Why something was refused, cut short or ended. A closed set with stable names: they appear in logs and
 * metrics, and each protocol family maps them to its own wire codes.
 */
export const REASONS = [
  /** The asker went away or changed its mind. */
  "cancelled",
  /** Too old for the one it was meant for. */
  "expired",
  /** Nothing came in time. */
  "timeout",
  /** The token does not grant it. */
  "unauthorized",
  /** The session's token has expired. */
  "token_expired",
  /** The session's token, or the key that signed it, was revoked. */
  "token_revoked",
  /** A bound of this relay; the counters tell which. */
  "limit",
  /** A second one where there may be one. */
  "duplicate",
  /** No such broadcast, track or group. */
  "not_found",
  /** The peer broke the protocol. */
  "protocol",
  /** Not in this version, or not offered by the publisher. */
  "unsupported",
  /** The publisher or the relay before us went away. */
  "upstream",
  /** Ended on purpose, such as a relay that shuts down. */
  "closed",
  /** The reader was too slow. */
  "lagged",
  /** A frame larger than the relay takes. */
  "frame_too_large",
  /** No route that does not lead back to the asker. */
  "unroutable",
  /** No longer in the cache. */
  "evicted",
  /** Another publisher took the path. */
  "replaced",
  /** A defect of ours; the log has it. */
  "internal",
] as const;
export type Reason = (typeof REASONS)[number];
