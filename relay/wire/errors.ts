/** A peer broke the protocol. It ends the session (moq-lite PROTOCOL_VIOLATION). */
export class ProtocolViolation extends Error {
  /** The message or section of the draft that was broken, e.g. `ANNOUNCE_OK`. */
  readonly clause: string;

  constructor(clause: string, what: string) {
    super(`moq-lite ${clause}: ${what}`);
    this.name = "ProtocolViolation";
    this.clause = clause;
  }
}

/** Something is larger than this relay takes. It ends what it came on, not the session. */
export class BoundExceeded extends Error {
  readonly bound: string;

  constructor(bound: string, what: string) {
    super(what);
    this.name = "BoundExceeded";
    this.bound = bound;
  }
}
