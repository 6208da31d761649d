import { performance } from "node:perf_hooks";

/** How often both clocks are read to find the difference between them. */
const READINGS = 64;

/** Microseconds of CLOCK_MONOTONIC at which `performance.now()` is 0. */
const ORIGIN_US = origin();

/** A process that is interrupted between its two readings finds an origin that is too early, so the latest is the best. */
function origin(): number {
  let latest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < READINGS; i++) {
    const monotonic = Number(process.hrtime.bigint() / 1_000n);
    latest = Math.max(latest, monotonic - performance.now() * 1_000);
  }
  return latest;
}

/**
 * Microseconds of the machine's monotonic clock, the same in every process of this machine. As `process.hrtime.bigint()`,
 * without its allocation; exact to about a microsecond.
 */
export function sharedMicros(): number {
  return Math.round(ORIGIN_US + performance.now() * 1_000);
}
