import { performance } from "node:perf_hooks";
import type { Clock } from "../../moq/clock.ts";

/** The process's monotonic clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  timer(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    handle.unref();
    return () => clearTimeout(handle);
  },
  soon: queueMicrotask,
};
