/** Places within a subscription that priorities tell apart. Streams further behind share the last one. */
const POSITIONS = 2 ** 12;

/**
 * Stream priority: that of the policy for the path, then subscriber priority, then publisher priority, then the place in the
 * subscription's own order (moq-lite Prioritization). Places rather than sequences, so that tracks of equal priority share the link.
 * From 0 to 2^31-2, below what control messages have.
 */
export function rank(policy: number, subscriber: number, publisher: number, position: number): number {
  const own = subscriber * 2 ** 20 + publisher * 2 ** 12 + Math.max(0, POSITIONS - 2 - position);
  return policy * 2 ** 28 + own;
}
