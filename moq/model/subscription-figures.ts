import type { DropReason } from "../counters.ts";
import type { Asker } from "./contract.ts";
import type { Sending } from "./outgoing.ts";
import type { SubscribedTrack } from "./subscribed-track.ts";

/** What one subscription was sent and has lost, and how long that took: for metrics and for operators. */
export class SubscriptionFigures {
  /** Groups that it lost. */
  lost = 0;
  /** Payload of the groups of which nothing more will be sent, in bytes. */
  sent = 0;
  /** It is being given groups that were there before it. */
  cached = false;
  readonly #track: Pick<SubscribedTrack<unknown>, "counters" | "lost" | "clock" | "use">;
  readonly #asker: Asker | undefined;
  /** When it began, until it has its first group. */
  #waitsSince: number | undefined;

  constructor(track: Pick<SubscribedTrack<unknown>, "counters" | "lost" | "clock" | "use">, asker: Asker | undefined) {
    this.#track = track;
    this.#asker = asker;
    this.#waitsSince = track.clock.now();
  }

  /** It began. `hit`: with what the cache had. */
  joined(hit: boolean): void {
    const { counters, use } = this.#track;
    counters[hit ? "joins" : "joinMisses"]++;
    use[hit ? "hits" : "misses"]++;
  }

  /** A stream for it was opened. */
  opened(now: number): void {
    if (this.#waitsSince === undefined) return;
    const { firstGroup } = this.#track.counters;
    (this.cached ? firstGroup.cache : firstGroup.upstream).observe((now - this.#waitsSince) / 1000);
    this.#waitsSince = undefined;
  }

  /** Nothing more of the stream will be sent. */
  left({ content, openedAt }: Sending): void {
    this.sent += content.payloadBytes;
    const { endedAt } = content;
    if (endedAt === undefined) return;
    this.#track.counters.delivery.observe((this.#track.clock.now() - Math.max(endedAt, openedAt)) / 1000);
  }

  countLost(reason: DropReason, groups: number): void {
    this.lost += groups;
    this.#track.counters.groupsDropped[reason] += groups;
    this.#track.lost(this.#asker, reason, groups);
  }
}
