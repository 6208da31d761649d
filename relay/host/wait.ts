import type { Clock } from "../../moq/clock.ts";

/** Milliseconds between two checks of a condition; short compared with every wait that an operator configures. */
const LOOK_INTERVAL_MS = 20;

/** Resolves with true once `reached` returns true, and with false after `timeoutMs`. */
export function waitUntil(clock: Clock, timeoutMs: number, reached: () => boolean): Promise<boolean> {
  const end = clock.now() + timeoutMs;
  return new Promise((resolve) => {
    const look = () => {
      const left = end - clock.now();
      if (reached()) resolve(true);
      else if (left <= 0) resolve(false);
      else clock.timer(Math.min(LOOK_INTERVAL_MS, left), look);
    };
    look();
  });
}
