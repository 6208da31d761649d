import { ProtocolViolation } from "../codec/index.ts";
import type { TerminationName } from "./codes.ts";

/** A violation for which the draft names a code of its own. Any other violation is PROTOCOL_VIOLATION. */
export class TerminationError extends ProtocolViolation {
  readonly termination: TerminationName;

  constructor(termination: TerminationName, clause: string, what: string) {
    super(clause, what);
    this.name = "TerminationError";
    this.termination = termination;
  }
}

/** Calls `read`. Where it finds a violation, the value of a key-value pair does not have the form of its type. */
export function formatted<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ProtocolViolation) || error instanceof TerminationError) throw error;
    const what = error.message.slice(error.clause.length + 2);
    throw new TerminationError("key_value_formatting_error", error.clause, what);
  }
}
