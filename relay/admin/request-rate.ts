import { Bucket } from "../../auth/index.ts";

/** Addresses that are remembered, about 100 bytes each. Above this the one that was idle longest is forgotten. */
const MAX_ADDRESSES = 10_000;

/** Requests by address: so many a second, and a burst. */
export class RequestRate {
  #perSecond: number;
  #burst: number;
  readonly #now: () => number;
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  /** `now` is in milliseconds of a clock that does not go back. */
  constructor(perSecond: number, burst: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
  }

  /** All addresses begin with a whole burst when the bounds change. */
  set(perSecond: number, burst: number): void {
    if (perSecond === this.#perSecond && burst === this.#burst) return;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#buckets.clear();
  }

  /** Counts a request. Undefined when it may go on, else the seconds to wait. */
  take(address: string): number | undefined {
    const now = this.#now();
    const bucket = this.#buckets.get(address) ?? new Bucket(this.#perSecond, this.#burst, now);
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_ADDRESSES && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket.take(1, now) ? undefined : Math.ceil((1 - bucket.level(now)) / this.#perSecond);
  }
}
