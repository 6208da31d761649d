import type { Clock } from "../../moq/clock.ts";
import type { Session, SessionUse } from "../../moq/session/index.ts";

/** What a session had done when it was seen last. */
interface Seen {
  readonly use: Pick<SessionUse, "running" | "announced" | "activity" | "sentPayload">;
  /** When it was first seen so, in the clock's milliseconds. */
  readonly since: number;
}

/**
 * Since when each session has neither asked nor sent nor been sent anything. A session is compared with what it was at the time before, so a
 * time is as exact as the sessions are looked at often, and no request or frame costs anything here.
 */
export class IdleTimes {
  readonly #clock: Pick<Clock, "now">;
  readonly #seen = new WeakMap<Pick<Session, "use">, Seen>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Milliseconds without a request, an announcement or a group, in either direction; 0 for a session that is seen for the first time. */
  of(session: Pick<Session, "use">): number {
    const now = this.#clock.now();
    const use = session.use();
    const before = this.#seen.get(session);
    if (before !== undefined && isSame(before.use, use)) return now - before.since;
    this.#seen.set(session, { use, since: now });
    return 0;
  }
}

function isSame(a: Seen["use"], b: Seen["use"]): boolean {
  return (
    a.running === b.running &&
    a.announced === b.announced &&
    a.activity === b.activity &&
    a.sentPayload === b.sentPayload
  );
}
