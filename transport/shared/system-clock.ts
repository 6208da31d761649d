import { performance } from "node:perf_hooks";
import type { Clock } from "../../moq/clock.ts";

/** The longest delay of a timer of Node, about 25 days. A longer one would end at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The process's monotonic clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  timer(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS));
    handle.unref();
    return () => clearTimeout(handle);
  },
  soon: queueMicrotask,
};
