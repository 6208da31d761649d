/**
 * A peer broke the protocol. It ends the session (moq-lite PROTOCOL_VIOLATION). The message is made of the clause and
 * of numbers, never of what the peer sent.
 */
export class ProtocolViolation extends Error {
  /** The message or section of the draft that was broken, e.g. `ANNOUNCE_OK`. */
  readonly clause: string;

  constructor(clause: string, what: string) {
    super(`moq-lite ${clause}: ${what}`);
    this.name = "ProtocolViolation";
    this.clause = clause;
  }
}

/** Bounds of what is read that end less than the session. */
export type WireBound = "frame_bytes" | "path_bytes" | "track_name_bytes";

/** Something is larger than this relay takes. It ends what it came on, not the session. */
export class BoundExceeded extends Error {
  /** Has its count under the same name. */
  readonly bound: WireBound;

  constructor(bound: WireBound, what: string) {
    super(what);
    this.name = "BoundExceeded";
    this.bound = bound;
  }
}
