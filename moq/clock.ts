/**
 * The one clock of the program, handed to whoever needs time.
 *
 * Nothing in `moq/model`, `moq/wire`, `moq/session` or the core of `cluster` reads time by itself,
 * so a whole mesh runs in one process with a clock turned by hand.
 */
export interface Clock {
  /** Monotonic milliseconds (fractions allowed) since an arbitrary start. */
  now(): number;
  /** Calls `callback` once, `delayMs` from now, unless the returned function is called first. */
  timer(delayMs: number, callback: () => void): () => void;
}
