/** The door of the room: a session for a link, by the protocol that was negotiated. */
import { EXPERIMENTAL_PROTOCOLS, STABLE_PROTOCOLS } from "../wire/lite/index.ts";

export { EXPERIMENTAL_PROTOCOLS, MESH_PROTOCOLS } from "../wire/lite/index.ts";
export { ChannelRegistry } from "./channels.ts";
export {
  type Access,
  type Announced,
  type AnnounceTable,
  type AnnounceWatcher,
  type Following,
  openAccess,
  type Quota,
  type QuotaRefusal,
  type Session,
  type SessionDeps,
  type SessionLimits,
  type SessionReport,
  type SessionUse,
} from "./contract.ts";
export { afterSetup, asksInSetup, codeOf, liteSession, reasonOf } from "./lite/index.ts";
export type { Refusal } from "./setup-gate.ts";

/**
 * Protocols offered to clients, best first: the stable ones, and the experimental ones that `experimental` names.
 */
export function protocols(experimental: readonly string[]): string[] {
  const named = EXPERIMENTAL_PROTOCOLS.filter((name) => experimental.includes(name));
  return [...STABLE_PROTOCOLS, ...named];
}
