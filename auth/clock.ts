/** What auth needs of time; all are arguments, so that tests turn them by hand. */
export interface AuthClock {
  /** Monotonic milliseconds: how long something lasts must not depend on when somebody sets the clock of the machine. */
  now(): number;
  /** Milliseconds since 1970: what `exp`, `nbf` and `iat` are compared with. */
  wallNow(): number;
  /** Calls back once after `delayMs` unless cancelled by the returned function. */
  timer(delayMs: number, callback: () => void): () => void;
}
