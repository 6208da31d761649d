import type { SessionContext } from "./context.ts";

/**
 * Milliseconds that a request for a newer epoch than the relay knows is kept. Relays of one mesh learn of a new publisher at moments that
 * differ by less than that, unless one of them is cut off from its root.
 */
const BEHIND_MS = 250;

/**
 * Calls `serve` at once, or, where the relay knows only an older epoch of the broadcast than the peer asks for, once it knows that one.
 * Calls it after {@link BEHIND_MS} at the latest: the model then refuses the request with `replaced`, and the peer asks again.
 * `epoch`: 0 for any. Returns a cancel.
 */
export function awaitEpoch(session: SessionContext, path: string, epoch: bigint, serve: () => void): () => void {
  const { broadcasts, clock } = session.deps;
  const isBehind = () => (broadcasts.broadcast(path)?.routes[0]?.advertisement.epoch ?? epoch) < epoch;
  if (epoch === 0n || !isBehind()) {
    serve();
    return () => {};
  }
  const cancel = () => {
    unwatch();
    cancelTimer();
  };
  const end = () => {
    cancel();
    serve();
  };
  const unwatch = broadcasts.watchOne(path, () => {
    if (!isBehind()) session.guard(end);
  });
  const cancelTimer = clock.timer(BEHIND_MS, () => session.guard(end));
  return cancel;
}
