import type { CheckCode, HealthCode } from "./codes.ts";

/** What a failing check means: the relay takes no new clients (`not_ready`), or it works and an operator should act (`warning`). */
export type Severity = "not_ready" | "warning";

/** A condition that holds now. */
export interface Reason {
  readonly code: HealthCode;
  /** A sentence for people: what is wrong, with the numbers of now. It has no credential. */
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** One check as the API shows it. */
export interface CheckView {
  readonly code: CheckCode;
  readonly severity: Severity;
  /** `unknown` until the first result. `failing` is the damped state: see `Damping`. */
  readonly state: "unknown" | "ok" | "failing";
  /** What the last run found; absent where it found nothing wrong. It may differ from `state` while the damping waits. */
  readonly message?: string;
  /** When `state` began, in milliseconds since 1970; absent while it is unknown. */
  readonly since?: number;
  /** Milliseconds since the last result; absent before the first one. */
  readonly ageMs?: number;
}

/** The health of a relay, as its checks last found it. */
export interface HealthReport {
  /** The relay should get new clients. True exactly when `reasons` is empty. */
  readonly ready: boolean;
  /** False only when nothing but a restart helps. */
  readonly live: boolean;
  /** Why the relay is not ready. */
  readonly reasons: readonly Reason[];
  /** Conditions that do not change readiness, and that an operator should mend. */
  readonly warnings: readonly Reason[];
  readonly checks: readonly CheckView[];
}

/** How many results in a row change the state of a check. The first result of all counts at once. */
export interface Damping {
  /** Bad results in a row after which the check fails. */
  readonly failures: number;
  /** Good results in a row after which it no longer does. */
  readonly successes: number;
}

/** What a run found wrong, as a sentence for people; undefined for nothing. */
export type Finding = string | undefined;

/** Something that the relay checks about itself in the background. */
export interface Check {
  readonly code: CheckCode;
  readonly severity: Severity;
  readonly damping: Damping;
  /** Milliseconds from the end of one run to the next. */
  readonly everyMs: number;
  /** The same after a result that differs from the state of the check, so that a change is confirmed soon; default: `everyMs`. */
  readonly againMs?: number;
  /** Milliseconds after which a run that has not answered counts as a bad result. Only for runs that return a promise. */
  readonly timeoutMs?: number;
  /** Milliseconds of failing after which the relay is no longer live. Only where a restart helps and nothing else does. */
  readonly restartAfterMs?: number;
  /** A run has files that it removes at its end, so the end of the relay waits for it. */
  readonly hasFiles?: true;
  /** A run that throws or rejects counts as a bad result with the message of its error. */
  run(): Finding | Promise<Finding>;
}
