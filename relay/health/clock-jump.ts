import type { Clock } from "../../moq/clock.ts";
import type { Check, Finding } from "./contract.ts";

/** Milliseconds between two comparisons of the clocks. */
const COMPARE_MS = 1_000;

/** Difference in milliseconds that counts as a jump. A time service that slews the clock changes it by less than 1 ms in a second. */
const JUMP_MS = 2_000;

/** Milliseconds for which a jump stays visible. */
const SHOWN_MS = 300_000;

/**
 * Warns when the wall clock jumps: tokens and certificates count by it, so a jump may admit what has expired or refuse what is valid. Timers
 * and leases run on the monotonic clock and are not changed.
 */
export function clockCheck({ clock, wallNow }: { clock: Clock; wallNow: () => number }): Check {
  let offset = wallNow() - clock.now();
  let jumped: { readonly at: number; readonly byMs: number } | undefined;
  return {
    code: "clock_jumped",
    severity: "warning",
    damping: { failures: 1, successes: 1 },
    everyMs: COMPARE_MS,
    run(): Finding {
      const now = wallNow() - clock.now();
      const byMs = now - offset;
      offset = now;
      if (Math.abs(byMs) >= JUMP_MS) jumped = { at: clock.now(), byMs };
      if (jumped === undefined || clock.now() - jumped.at >= SHOWN_MS) return undefined;
      const way = jumped.byMs > 0 ? "forwards" : "back";
      return `the wall clock jumped ${way} by ${(Math.abs(jumped.byMs) / 1000).toFixed(1)} s; tokens and certificates count by the new time`;
    },
  };
}
