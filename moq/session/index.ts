/** The door of the room: a session for a link, by the protocol that was negotiated. */
import type { Attach, LinkInfo } from "../link.ts";
import { IETF_PROTOCOLS } from "../wire/ietf/index.ts";
import { EXPERIMENTAL_PROTOCOLS, STABLE_PROTOCOLS } from "../wire/lite/index.ts";
import type { Session, SessionDeps } from "./contract.ts";
import type { CloseCodes, ProtocolFamily } from "./family.ts";
import { IETF_FAMILY } from "./ietf/index.ts";
import { LITE_FAMILY } from "./lite/index.ts";
import type { SetupGateOptions } from "./setup-gate.ts";

export { IN_BAND } from "../wire/ietf/index.ts";
export { EXPERIMENTAL_PROTOCOLS, MESH_PROTOCOLS } from "../wire/lite/index.ts";
export { ChannelRegistry } from "./channels.ts";
export {
  type Access,
  type Announced,
  type AnnounceTable,
  type AnnounceWatcher,
  type Following,
  openAccess,
  type PresentedAccess,
  type PresentedToken,
  type PushedAsk,
  type PushedSink,
  permits,
  type Quota,
  type QuotaRefusal,
  type RequestAction,
  type Session,
  type SessionDeps,
  type SessionLimits,
  type SessionReport,
  type SessionUse,
  type TokenRefusal,
} from "./contract.ts";
export type { Refusal } from "./setup-gate.ts";

const FAMILIES: readonly ProtocolFamily[] = [LITE_FAMILY, IETF_FAMILY];

function familyOf(protocol: string): ProtocolFamily {
  const family = FAMILIES.find((one) => one.speaks(protocol));
  if (family === undefined) throw new Error(`no family of sessions speaks "${protocol}"`);
  return family;
}

/** Whether a session can be started in this negotiated protocol. */
export function isSpoken(protocol: string): boolean {
  return FAMILIES.some((family) => family.speaks(protocol));
}

/**
 * Starts a session on a link, in the protocol that was negotiated. The returned function throws when no family speaks the link's
 * protocol. `started` is called with the session before its first event.
 */
export function startSession(deps: SessionDeps, started?: (session: Session) => void): Attach {
  return (link) => familyOf(link.info.protocol).session(deps, started)(link);
}

/** Whether the client of such a link says in its SETUP what it asks for, and not in a URI. */
export function asksInSetup(info: LinkInfo): boolean {
  return FAMILIES.some((family) => family.asksInSetup(info));
}

/** Starts the session of a link of {@link asksInSetup} once its client is admitted. */
export function afterSetup(options: SetupGateOptions): Attach {
  return (link) => familyOf(link.info.protocol).afterSetup(options)(link);
}

/** Close codes of the sessions of a protocol. */
export function closeCodes(protocol: string): CloseCodes {
  return familyOf(protocol).closeCodes(protocol);
}

/** The stable protocols, best first. */
export const CLIENT_PROTOCOLS = [...STABLE_PROTOCOLS, ...IETF_PROTOCOLS] as const;

/**
 * Protocols offered to clients, best first: of the stable ones those that `only` names, all if it names none, and the experimental ones that
 * `experimental` names.
 */
export function protocols(experimental: readonly string[], only: readonly string[] = []): string[] {
  const stable = CLIENT_PROTOCOLS.filter((name) => only.length === 0 || only.includes(name));
  return [...stable, ...EXPERIMENTAL_PROTOCOLS.filter((name) => experimental.includes(name))];
}
