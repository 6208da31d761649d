import type { Clock } from "../../moq/clock.ts";

/** Longest wait until the wall clock is read again, in milliseconds: the clock may be set, and timers end at 24 days. */
const LONGEST_SLEEP_MS = 60_000;

export interface ExpiryOptions {
  readonly clock: Clock;
  readonly wallNow: () => number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Milliseconds before the expiry at which `notice` is called; 0 for never. */
  readonly noticeMs: number;
  readonly notice: () => void;
  readonly expired: () => void;
}

/** Waits for a time of the wall clock. Returns a function that cancels. */
export function watchExpiry(options: ExpiryOptions): () => void {
  const { clock, wallNow, expiresAt, noticeMs, notice, expired } = options;
  let noticed = noticeMs === 0;
  let cancel = () => {};
  const look = () => {
    const left = expiresAt - wallNow();
    if (left <= 0) {
      expired();
      return;
    }
    if (!noticed && left <= noticeMs) {
      noticed = true;
      notice();
    }
    cancel = clock.timer(Math.min(LONGEST_SLEEP_MS, noticed ? left : left - noticeMs), look);
  };
  look();
  return () => cancel();
}

/** The earlier of two ends; undefined where neither ever comes. */
export function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}
