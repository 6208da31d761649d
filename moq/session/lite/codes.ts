import type { Reason } from "../../reason.ts";

/**
 * Reset, stop and close codes of moq-lite sessions. The draft does not define them. We use the numbers of moq-rs where it has one, so
 * that its clients understand ours. Codes from 64 on are for applications.
 */
const CODES: Readonly<Record<Reason, number>> = {
  cancelled: 0,
  expired: 2,
  timeout: 3,
  unauthorized: 6,
  limit: 11,
  duplicate: 12,
  not_found: 13,
  protocol: 15,
  unsupported: 17,
  upstream: 24,
  closed: 25,
  lagged: 26,
  frame_too_large: 27,
  unroutable: 30,
  evicted: 31,
  replaced: 64,
  internal: 65,
  token_expired: 66,
  token_revoked: 67,
};

const REASONS = new Map(Object.entries(CODES).map(([reason, code]) => [code, reason as Reason]));

export function codeOf(reason: Reason): number {
  return CODES[reason];
}

/** What a code of the peer means. An unknown one is a failure of the publisher. */
export function reasonOf(code: number): Reason {
  return REASONS.get(code) ?? "upstream";
}
