import type { AnnouncedChange, Following } from "../relay/client/index.ts";
import { Bell } from "./bell.ts";
import type { Announcement } from "./contract.ts";
import { endedBecause } from "./errors.ts";

/**
 * The changes under a prefix, for one reader. A reader that is slow gets the last state of each path, so at most one change waits for each. Ends
 * with an error when the session ends or the relay stops announcing, and with the reason of the signal.
 */
export async function* announcements(
  follow: (onChange: (change: AnnouncedChange) => void) => Following,
  closed: Promise<Error>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Announcement, void, undefined> {
  signal?.throwIfAborted();
  const bell = new Bell();
  /** By path: live or not. The oldest change is first. */
  const changes = new Map<string, boolean>();
  /** Paths that the reader has as live. */
  const live = new Set<string>();
  let end: { readonly error: unknown } | undefined;
  const finish = (error: unknown) => {
    end ??= { error };
    bell.ring();
  };
  const abort = () => finish(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const following = follow(({ path, active }) => {
    changes.delete(path);
    // A broadcast that began and ended unseen is no change: so no more paths wait than are live or were.
    if (active || live.has(path)) changes.set(path, active);
    bell.ring();
  });
  void closed.then(finish);
  void following.cut.then((reason) => finish(endedBecause(reason, "the relay stopped announcing")));
  try {
    for (;;) {
      const [first] = changes;
      if (first !== undefined && !signal?.aborted) {
        const [path, active] = first;
        changes.delete(path);
        if (active) live.add(path);
        else live.delete(path);
        yield { path, active };
      } else if (end !== undefined) throw end.error;
      else await bell.heard();
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    following.close();
  }
}
