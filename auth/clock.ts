/** The clock that auth needs, passed as an argument so that tests can turn it by hand. */
export interface AuthClock {
  /** Monotonic milliseconds, for durations: setting the clock of the machine does not change them. */
  now(): number;
  /** Milliseconds since 1970, for `exp`, `nbf` and `iat`. */
  wallNow(): number;
  /** Calls `callback` once after `delayMs`, unless the returned function is called first. */
  timer(delayMs: number, callback: () => void): () => void;
}
