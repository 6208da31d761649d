/** What auth needs of time; both are arguments, so that tests turn them by hand. */
export interface AuthClock {
  /** Milliseconds since 1970: what `exp`, `nbf` and `iat` are compared with. */
  wallNow(): number;
  /** Calls back once after `delayMs` unless cancelled by the returned function. */
  timer(delayMs: number, callback: () => void): () => void;
}
