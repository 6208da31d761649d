/** A thread of an engine. */
export interface WorkerPulse {
  /** Milliseconds for which it owes a sign of life that it was asked for; 0 when it has answered all. */
  readonly silentMs: number;
  /** Links that it runs, and connections that will become its links. */
  readonly links: number;
  /** Seconds since its start in which it did not wait for work. */
  readonly busySeconds: number;
  /** Commands and streams that wait for it. */
  readonly queued: number;
}

/** How the handshakes of an engine's listeners ended, as totals since its start. */
export interface HandshakeCounts {
  /** The relay decides on the client. */
  readonly completed: number;
  /** TLS, the protocols or the request did not fit, or the client stopped answering. */
  readonly failed: number;
  /** The client had to prove its address first, because many handshakes were under way. */
  readonly retried: number;
  /** Refused or replaced at the engine's bound on handshakes, or because the listener accepts no more. */
  readonly refused: number;
}
