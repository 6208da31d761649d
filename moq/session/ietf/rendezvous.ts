import { ANNOUNCE_HOLD_MS } from "../announce-responder.ts";
import type { IetfContext } from "./context.ts";

/**
 * Calls `none` when the broadcast `path` has no publisher once `waitMs` is over, the time that a subscriber is willing to wait
 * (RENDEZVOUS_TIMEOUT). Without such a time, `none` is called as soon as the relay knows that there is no publisher, after other relays of
 * the mesh were asked. Returns a cancel.
 */
export function awaitPublisher(context: IetfContext, path: string, waitMs: number, none: () => void): () => void {
  const { session } = context;
  const { broadcasts, clock } = session.deps;
  let over = false;
  const judge = () => {
    if (over) return;
    const isThere = broadcasts.resolve(path) !== undefined;
    cancel();
    if (!isThere) none();
  };
  const cancelTimer = clock.timer(waitMs > 0 ? waitMs : ANNOUNCE_HOLD_MS, () => void session.guard(judge));
  // Deferred, because the subscription may not have begun.
  const complete = () =>
    session.share.later(() => {
      session.guard(judge);
      return true;
    });
  const unwatch = waitMs > 0 ? () => {} : broadcasts.watch(path, { changed: () => {}, complete });
  const cancel = () => {
    over = true;
    cancelTimer();
    unwatch();
  };
  return cancel;
}
