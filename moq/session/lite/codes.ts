import type { Reason } from "../../reason.ts";

/**
 * Reset, stop and close codes of moq-lite sessions. The draft leaves them open; the numbers that moq-rs gives its
 * errors are used where there is one, so that its clients read ours right. From 64 on they are an application's.
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

/** What a code from a peer means to those behind us; one that we do not know is the publisher's failure. */
export function reasonOf(code: number): Reason {
  return REASONS.get(code) ?? "upstream";
}
