/** A token bucket: `rate` units a second come in, at most `burst` are kept. */
export class Bucket {
  readonly #rate: number;
  readonly #burst: number;
  #level: number;
  #at: number;

  /** Starts full. `now` is in milliseconds of a clock that does not go back. */
  constructor(rate: number, burst: number, now: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#level = burst;
    this.#at = now;
  }

  /** Takes `amount` when it is there. */
  take(amount: number, now: number): boolean {
    if (this.level(now) < amount) return false;
    this.#level -= amount;
    return true;
  }

  /** Takes `amount` whether or not it is there: what was used was used. */
  spend(amount: number, now: number): void {
    this.#level = this.level(now) - amount;
  }

  /** What is in it; negative after {@link spend} took more. */
  level(now: number): number {
    this.#level = Math.min(this.#burst, this.#level + (Math.max(0, now - this.#at) / 1000) * this.#rate);
    this.#at = Math.max(this.#at, now);
    return this.#level;
  }
}
