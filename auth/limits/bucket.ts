/** A token bucket: it gains `rate` units per second and keeps at most `burst`. */
export class Bucket {
  #rate: number;
  #burst: number;
  #level: number;
  #at: number;

  /** Starts full. `now` is in milliseconds of a clock that does not go back. */
  constructor(rate: number, burst: number, now: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#level = burst;
    this.#at = now;
  }

  /** Changes the rate and the burst. What is in the bucket stays, up to the new burst. */
  change(rate: number, burst: number, now: number): void {
    this.#level = Math.min(burst, this.level(now));
    this.#rate = rate;
    this.#burst = burst;
  }

  /** Takes `amount` if the bucket has it; false otherwise. */
  take(amount: number, now: number): boolean {
    if (this.level(now) < amount) return false;
    this.#level -= amount;
    return true;
  }

  /** Takes `amount` even if the level becomes negative, for what has been used already. */
  spend(amount: number, now: number): void {
    this.#level = this.level(now) - amount;
  }

  /** Units in the bucket; negative after {@link spend} took more than there was. */
  level(now: number): number {
    this.#level = Math.min(this.#burst, this.#level + (Math.max(0, now - this.#at) / 1000) * this.#rate);
    this.#at = Math.max(this.#at, now);
    return this.#level;
  }
}
