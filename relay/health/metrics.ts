import { gauge, metricGroup, type Readings } from "../../moq/metrics.ts";
import { CHECK_CODES } from "./codes.ts";
import type { HealthMonitor } from "./monitor.ts";

export const HEALTH_METRICS = metricGroup("Health", {
  live: gauge("live", "1 while the relay is live, 0 when only a restart helps."),
  failing: gauge(
    "health_check_failing",
    "1 while a check fails, else 0, by its code; docs/operations.md has a section for each code.",
    { code: CHECK_CODES },
  ),
});

export function healthReadings(monitor: HealthMonitor): Readings<keyof typeof HEALTH_METRICS.metrics> {
  return { live: Number(monitor.live), failing: monitor.failures() };
}
