/** A peer broke the protocol, which ends its session. The message has the clause and numbers, never bytes of the peer. */
export class ProtocolViolation extends Error {
  /** The message or section of the draft that the peer broke, e.g. `ANNOUNCE_OK`. */
  readonly clause: string;

  constructor(clause: string, what: string) {
    super(`${clause}: ${what}`);
    this.name = "ProtocolViolation";
    this.clause = clause;
  }
}

/** A request of the peer contradicts itself. Its stream is reset, and the session goes on. */
export class RequestViolation extends Error {
  constructor(clause: string, what: string) {
    super(`${clause}: ${what}`);
    this.name = "RequestViolation";
  }
}

/** Bounds that do not end the session: what exceeds them is refused alone. */
export type WireBound = "frame_bytes" | "path_bytes" | "track_name_bytes";

/** A path, name or frame is larger than this relay accepts. Its request or group ends, not the session. */
export class BoundExceeded extends Error {
  /** Also the name of its counter. */
  readonly bound: WireBound;

  constructor(bound: WireBound, what: string) {
    super(what);
    this.name = "BoundExceeded";
    this.bound = bound;
  }
}
