import type { SessionPolicy } from "../../cluster/index.ts";
import type { LinkInfo } from "../../moq/link.ts";
import type { Admission } from "./gate.ts";

/** Chooses the policy of a session: relays of the mesh have another than clients. Throws `AuthError`. */
export type DecideSessionPolicy = (info: LinkInfo, admission: Admission) => SessionPolicy;

/** The policy of a client. */
export function clientSessionPolicy({ access }: Admission): SessionPolicy {
  return { access, table: undefined, announcePrefix: "" };
}
