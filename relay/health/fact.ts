import type { CheckCode } from "./codes.ts";
import type { Check, Finding, Severity } from "./contract.ts";

/** Milliseconds between two readings: a state of the program costs nothing to read. */
const READ_MS = 250;

/** Results in a row, 2 s and 5 s, for a state that may come and go by itself, such as a connection. */
const UNSTEADY = { failures: 8, successes: 20 } as const;

/** A check of a connection or another state that comes and goes by itself. */
export function unsteady(code: CheckCode, severity: Severity, run: () => Finding): Check {
  return { code, severity, damping: UNSTEADY, everyMs: READ_MS, run };
}

/** `check` with a severity that may change while the relay runs. */
export function withSeverity(check: Omit<Check, "severity">, severity: () => Severity): Check {
  return {
    ...check,
    get severity() {
      return severity();
    },
  };
}

/** A check of a state that the program knows already and that does not flap, so it counts at once. */
export function fact(code: CheckCode, severity: Severity, run: () => Finding): Check {
  return { code, severity, damping: { failures: 1, successes: 1 }, everyMs: READ_MS, run };
}
