import type { Attach, LinkInfo } from "../link.ts";
import type { Reason } from "../reason.ts";
import type { Session, SessionDeps } from "./contract.ts";
import type { SetupGateOptions } from "./setup-gate.ts";

/** Close codes of a session. */
export interface CloseCodes {
  readonly codeOf: (reason: Reason) => number;
  /** What a code of the peer means. */
  readonly reasonOf: (code: number) => Reason;
}

/** A family of protocols: what the rest of the relay needs to open and close its sessions. */
export interface ProtocolFamily {
  /** Whether a link with this negotiated protocol carries a session of the family. */
  speaks(protocol: string): boolean;
  /** As `startSession` of the room's door. */
  session(deps: SessionDeps, started?: (session: Session) => void): Attach;
  /** Whether the client of such a link says in its SETUP what it asks for, and not in a URI. */
  asksInSetup(info: LinkInfo): boolean;
  /** Starts the session of a link of `asksInSetup` once its client is admitted; see `SetupGate`. */
  afterSetup(options: SetupGateOptions): Attach;
  closeCodes(protocol: string): CloseCodes;
}
