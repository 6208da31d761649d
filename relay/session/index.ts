/** The one way in: a session for a link, by the protocol that was negotiated. */
import { EXPERIMENTAL_PROTOCOLS, STABLE_PROTOCOLS } from "../wire/versions.ts";

export { ChannelRegistry } from "./channels.ts";
export {
  type Access,
  type AnnounceTable,
  openAccess,
  type Quota,
  type Session,
  type SessionDeps,
  type SessionLimits,
  type SessionReport,
} from "./contract.ts";
export { codeOf } from "./lite/codes.ts";
export { liteSession } from "./lite/session.ts";
export { afterSetup, asksInSetup } from "./lite/threshold.ts";

/**
 * Protocols that sessions speak, best first: the stable ones, and of the experimental ones those named. Naming a
 * version also means its `-wip` form, by which clients that were published before it was finished ask for it.
 */
export function protocols(experimental: readonly string[]): string[] {
  const named = EXPERIMENTAL_PROTOCOLS.filter((name) => experimental.includes(name.replace(/-wip$/, "")));
  return [...STABLE_PROTOCOLS, ...named];
}
