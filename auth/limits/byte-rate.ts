import { Bucket } from "./bucket.ts";

/** Seconds of the rate that may be used at once after a pause: a key frame, or many viewers that join together. */
const BURST_S = 2;
/** Seconds of the rate by which the bound may be exceeded: transfers that began before the bound was reached go on that long. */
const MAX_DEBT_S = 10;

/** `free`: within the rate. `over`: above it, so nothing new may begin. `owing`: so far above that what runs must stop. */
export type RateState = "free" | "over" | "owing";

/** A bound on bytes a second that several sessions share. */
export class ByteRate {
  #most: number;
  /** The bound of which `#most` may be a share; 0 is no bound. */
  #whole: number;
  #bucket: Bucket;

  /** `most`: bytes a second; 0 is no bound. `now`: milliseconds of a clock that does not go back. */
  constructor(most: number, now: number) {
    this.#most = most;
    this.#whole = most;
    this.#bucket = new Bucket(most, most * BURST_S, now);
  }

  get most(): number {
    return this.#most;
  }

  /** Changes the bound. What was used before is forgotten. */
  set(most: number, now: number): void {
    if (most === this.#most && most === this.#whole) return;
    this.#most = most;
    this.#whole = most;
    this.#bucket = new Bucket(most, most * BURST_S, now);
  }

  /**
   * Changes the share of `whole` that may be used here; 0 is nothing. What was used before counts on. A debt is that of `whole`, because a
   * share may be lowered below what runs.
   */
  share(most: number, whole: number, now: number): void {
    if (whole !== this.#whole) this.set(whole, now);
    if (most === this.#most) return;
    this.#most = most;
    this.#bucket.change(most, most * BURST_S, now);
  }

  spend(bytes: number, now: number): void {
    if (this.#whole > 0) this.#bucket.spend(bytes, now);
  }

  state(now: number): RateState {
    if (this.#whole === 0) return "free";
    const level = this.#bucket.level(now);
    if (level > 0 || (level === 0 && this.#most > 0)) return "free";
    return level < -this.#whole * MAX_DEBT_S ? "owing" : "over";
  }
}
