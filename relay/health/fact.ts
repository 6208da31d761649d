import type { CheckCode } from "./codes.ts";
import type { Check, Finding, Severity } from "./contract.ts";

/** Milliseconds between two readings: a state of the program costs nothing to read. */
const READ_MS = 250;

/** A check of a state that the program knows already and that does not flap, so it counts at once. */
export function fact(code: CheckCode, severity: Severity, run: () => Finding): Check {
  return { code, severity, damping: { failures: 1, successes: 1 }, everyMs: READ_MS, run };
}
