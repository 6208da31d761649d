/** Finds what would keep a relay from starting, and what works but should not be used. */
export { type InspectionOptions, inspect, preflight } from "./preflight.ts";
export { type RunningRelay, runningRelay } from "./running.ts";
