/**
 * The clock of the program. Code that needs time gets it as an argument.
 *
 * Nothing in `moq/` or `cluster/` names `Date`, `performance`, `setTimeout` or `queueMicrotask` (oxlint refuses it), so a test runs a
 * whole mesh in one process and turns the clock by hand.
 */
export interface Clock {
  /** Monotonic milliseconds (fractions allowed) since an arbitrary start. */
  now(): number;
  /** Calls `callback` once, `delayMs` from now, unless the returned function is called first. */
  timer(delayMs: number, callback: () => void): () => void;
  /** Calls `callback` once the code that runs now has returned, before any timer. */
  soon(callback: () => void): void;
}
