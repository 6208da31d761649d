import type { Clock } from "../clock.ts";
import type { SubscribeOptions } from "./contract.ts";
import { mergeOptions, type Numbering, sameOptions, type Wanting } from "./merge-subscriptions.ts";
import type { PublisherNumbering } from "./publisher-numbering.ts";

/**
 * Milliseconds between two updates of an upstream subscription: a publisher gets the newest wishes of all viewers together, at
 * this rate, however often a viewer changes its own.
 */
const UPDATE_INTERVAL_MS = 100;

/** Asked for when somebody wants the track's properties and its version tells them only to subscribers. */
const LATEST: SubscribeOptions = { priority: 0, ordered: false, maxLatency: 0 };

/** What one track asks its publisher for, on behalf of all its viewers. */
export class UpstreamOptions {
  readonly #clock: Clock;
  readonly #viewers: Iterable<Wanting>;
  #asked: SubscribeOptions | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, viewers: Iterable<Wanting>) {
    this.#clock = clock;
    this.#viewers = viewers;
  }

  /** What a new subscription asks for; `start` where it goes on after what is here. */
  begin(start: number | undefined, numbering: Numbering): SubscribeOptions {
    this.#asked = mergeOptions(this.#viewers, start, numbering) ?? LATEST;
    return this.#asked;
  }

  /** The publisher hears of what changed at once, or when the interval after the last update is over. */
  changed(feed: PublisherNumbering, numbering: Numbering): void {
    if (this.#cancel !== undefined) return;
    const wait = this.#askedAt + UPDATE_INTERVAL_MS - this.#clock.now();
    if (wait <= 0) this.#update(feed, numbering);
    else {
      this.#cancel = this.#clock.timer(wait, () => {
        this.#cancel = undefined;
        this.#update(feed, numbering);
      });
    }
  }

  /** The subscription is over. */
  end(): void {
    this.#asked = undefined;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #update(feed: PublisherNumbering, numbering: Numbering): void {
    if (feed.upstream === undefined || this.#asked === undefined) return;
    const start = feed.offset === undefined ? undefined : this.#asked.start;
    const wanted = mergeOptions(this.#viewers, start, numbering);
    this.#askedAt = this.#clock.now();
    if (wanted === undefined || sameOptions(wanted, this.#asked)) return;
    this.#asked = wanted;
    feed.upstream.update(wanted);
  }
}
