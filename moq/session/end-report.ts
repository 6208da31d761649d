import type { EndReason } from "../counters.ts";
import type { Link, LinkClosed } from "../link.ts";
import type { SessionDeps, SessionTotals } from "./contract.ts";

/** Counts one session from its start, and reports once how it ended. */
export class EndReport {
  readonly totals: SessionTotals = { subscriptions: 0, broadcasts: 0, groupsSent: 0, groupsReceived: 0 };
  readonly #link: Pick<Link, "info" | "stats">;
  readonly #deps: Pick<SessionDeps, "broadcasts" | "clock" | "closed">;
  readonly #startedAt: number;
  #cause: { reason: EndReason | "local"; message: string } | undefined;

  constructor(link: Pick<Link, "info" | "stats">, deps: Pick<SessionDeps, "broadcasts" | "clock" | "closed">) {
    this.#link = link;
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
    const { counters } = deps.broadcasts;
    counters.sessionsOpened++;
    counters.sessionsActive++;
  }

  /** Milliseconds since the session began. */
  get ageMs(): number {
    return this.#deps.clock.now() - this.#startedAt;
  }

  /** Why this end closes the link. The first cause is the one that is reported. */
  because(reason: EndReason | "local", message: string): void {
    this.#cause ??= { reason, message };
  }

  /** The link is gone. Once. */
  send(why: LinkClosed): void {
    const { counters } = this.#deps.broadcasts;
    const reason = this.#cause?.reason ?? (why.by === "remote" && why.code !== 0 ? "remote_error" : why.by);
    counters.sessionsActive--;
    counters.sessionsClosed[reason]++;
    const { bytesSent, bytesReceived } = this.#link.stats();
    this.#deps.closed({
      info: this.#link.info,
      durationMs: this.ageMs,
      reason,
      code: why.code,
      message: this.#cause?.message ?? why.reason,
      bytesSent,
      bytesReceived,
      ...this.totals,
    });
  }
}
