import type { LinkInfo } from "../../moq/link.ts";
import type { Access, AnnounceTable, Session, SessionLimits } from "../../moq/session/index.ts";
import type { Admission } from "./gate.ts";

/** What an admitted session may see and do. */
export interface SessionPolicy {
  readonly access: Access;
  /** The table that its announcements go to and come from. */
  readonly table: AnnounceTable | undefined;
  /** The prefix of the announcements to ask it for; absent: none. */
  readonly announcePrefix: string | undefined;
  /** The peer renews its token itself, so it gets no GOAWAY before the token expires. */
  readonly renews?: boolean;
  /** Replaces the limits of clients. */
  readonly limits?: SessionLimits;
  /** The same as in `SessionDeps`. */
  readonly ownNumbers?: boolean;
  readonly started?: (session: Session) => void;
  /** Called with the close code. */
  readonly ended?: (session: Session, code: number) => void;
}

/** Chooses the policy of a session: relays of the mesh have another than clients. Throws `AuthError`. */
export type DecideSessionPolicy = (info: LinkInfo, admission: Admission) => SessionPolicy;

/** The policy of a client. */
export function clientSessionPolicy({ access }: Admission): SessionPolicy {
  return { access, table: undefined, announcePrefix: "" };
}
