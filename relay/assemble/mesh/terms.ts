import { AuthError } from "../../../auth/index.ts";
import { ROLES, type Role } from "../../../cluster/contract.ts";
import type { ControlTable } from "../../../cluster/control/local.ts";
import { type AnnounceTable, MESH_PROTOCOLS, openAccess, type SessionLimits } from "../../session/index.ts";
import type { LinkInfo } from "../../transport/contract.ts";
import type { Admission } from "../gate.ts";
import { rootOf, type SessionTerms } from "../sessions.ts";
import { CONTROL_PATH } from "./dial.ts";

/** Of sessions between relays: what they carry is counted where it comes in and where it is watched. */
const MESH_ANNOUNCEMENTS = 2_000_000;
const MESH_ANNOUNCE_STREAMS = 16_384;
const MESH_SUBSCRIPTIONS = 65_536;
/** Each subscription, and each prefix or path that is asked for, is a request that stays open. */
const MESH_REQUESTS = MESH_SUBSCRIPTIONS + MESH_ANNOUNCE_STREAMS;
const MESH_PENDING_STREAMS = 16_384;
/** Times the bytes that a viewer may have queued: a link between relays carries many tracks. */
const MESH_QUEUE = 8;

export function meshLimits(limits: SessionLimits): SessionLimits {
  return {
    ...limits,
    announcements: MESH_ANNOUNCEMENTS,
    announceStreams: MESH_ANNOUNCE_STREAMS,
    subscriptions: MESH_SUBSCRIPTIONS,
    requests: MESH_REQUESTS,
    pendingStreams: MESH_PENDING_STREAMS,
    queueMark: limits.queueMark * MESH_QUEUE,
    queueBytes: limits.queueBytes * MESH_QUEUE,
  };
}

export interface MeshTermsDeps {
  readonly limits: SessionLimits;
  /** What publishers announce into. */
  readonly announcements: AnnounceTable;
  /** A table for the control session of a relay; nothing where this one is no root. */
  readonly control: (() => ControlTable) | undefined;
  readonly firstHand: (path: string) => boolean;
}

/** What a session that was let in is: the control session of a relay, its media session, a relay of others, or a client. */
export function meshTerms(deps: MeshTermsDeps, info: LinkInfo, admission: Admission): SessionTerms {
  if (rootOf(info.path) === CONTROL_PATH) return controlTerms(deps, admission);
  if (MESH_PROTOCOLS.includes(info.protocol) && !admission.cluster) {
    throw new AuthError("cluster_required", `only a token with the \`cluster\` claim may speak ${info.protocol}`);
  }
  const { announcements, limits } = deps;
  const role = admission.cluster ? roleOf(info) : undefined;
  if (role !== undefined)
    return { ...peerTerms(deps, role), renews: true, ownNumbers: true, limits: meshLimits(limits) };
  if (!admission.cluster) return { access: admission.access, table: announcements, announcePrefix: "" };
  const access = openAccess(admission.access.root);
  return { access, table: announcements, announcePrefix: "", limits: meshLimits(limits) };
}

function controlTerms({ control, limits }: MeshTermsDeps, { cluster }: Admission): SessionTerms {
  if (!cluster) throw new AuthError("cluster_required", "only a token with the `cluster` claim opens this path");
  if (control === undefined) throw new AuthError("not_a_root", "this relay is no root");
  const table = control();
  return {
    access: openAccess(""),
    table,
    announcePrefix: "",
    renews: true,
    limits: meshLimits(limits),
    started: ({ announced }) => void announced.then(() => table.complete()),
    ended: (_session, code) => table.close(code),
  };
}

/** An edge is served like a viewer that may watch everything; other relays get what is published here, so that no way leads back. */
function peerTerms({ firstHand }: MeshTermsDeps, role: Role): SessionTerms {
  return {
    access: {
      root: "",
      subscribes: true,
      mayPublish: () => false,
      maySubscribe: role === "edge" ? () => true : firstHand,
      watchable: (prefix) => (role === "edge" ? [prefix] : []),
    },
    table: undefined,
    announcePrefix: undefined,
  };
}

/** The role that a relay of the mesh names when it dials; nothing for others. */
function roleOf({ query }: LinkInfo): Role | undefined {
  const fields = new URLSearchParams(query);
  return fields.has("node") ? ROLES.find((role) => role === fields.get("role")) : undefined;
}
