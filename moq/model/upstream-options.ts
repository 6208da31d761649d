import type { Clock } from "../clock.ts";
import type { SubscribeOptions } from "./contract.ts";
import { mergeOptions, type Numbering, type Start, sameOptions, type Wanting } from "./merge-subscriptions.ts";
import type { PublisherNumbering } from "./publisher-numbering.ts";

/**
 * Milliseconds between two updates of an upstream subscription. A publisher gets the newest options of all viewers together at this
 * rate, however often a viewer changes its own.
 */
export const UPDATE_INTERVAL_MS = 100;

/** Without viewers, for a peer that asks for the properties of a track whose version sends them to subscribers only. */
const LATEST: SubscribeOptions = { priority: 0, ordered: false, maxLatency: 0 };

/** The options with which one track is subscribed at its publisher, for all its viewers. */
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

  /** The options of a new subscription. `start`: the first group after those that the track has. */
  begin(start: number | undefined, numbering: Numbering): SubscribeOptions {
    this.#asked = mergeOptions(this.#viewers, start === undefined ? undefined : { start }, numbering) ?? LATEST;
    return this.#asked;
  }

  /** A viewer's options have changed: updates the subscription now, or at the end of the interval after the last update. */
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
    const wanted = mergeOptions(this.#viewers, feed.offset === undefined ? undefined : startOf(this.#asked), numbering);
    this.#askedAt = this.#clock.now();
    if (wanted === undefined || sameOptions(wanted, this.#asked)) return;
    this.#asked = wanted;
    feed.upstream.update(wanted);
  }
}

function startOf({ start, startObject }: SubscribeOptions): Start | undefined {
  return start === undefined ? undefined : { start, ...(startObject !== undefined && { startObject }) };
}
