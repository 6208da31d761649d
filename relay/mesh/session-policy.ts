import { AuthError } from "../../auth/index.ts";
import { type ControlSessionServerOptions, type ControlTable, nodeOf, ROLES, type Role } from "../../cluster/index.ts";
import type { LinkInfo } from "../../moq/link.ts";
import {
  type AnnounceTable,
  MESH_PROTOCOLS,
  openAccess,
  type Session,
  type SessionLimits,
} from "../../moq/session/index.ts";
import { type Admission, rootOf, type SessionPolicy } from "../host/index.ts";
import { CONTROL_PATH } from "./dial.ts";

/** Of sessions between relays: what they carry is counted where it comes in and where it is watched. */
const MESH_ANNOUNCEMENTS = 2_000_000;
const MESH_ANNOUNCE_STREAMS = 16_384;
const MESH_SUBSCRIPTIONS = 65_536;
/** Each subscription, and each prefix or path that is asked for, is a request that stays open. */
const MESH_REQUESTS = MESH_SUBSCRIPTIONS + MESH_ANNOUNCE_STREAMS;
const MESH_PENDING_STREAMS = 16_384;
/** Times the bytes and groups that a viewer may have on their way: a link between relays carries many tracks. */
const MESH_QUEUE = 8;

/** Times that a publisher has to answer: the other relay's own limit comes first, and says why. */
const MESH_TIMEOUT = 2;

export function meshLimits(limits: SessionLimits): SessionLimits {
  const { requestTimeoutMs: timeout } = limits;
  return {
    ...limits,
    ...(timeout !== undefined && { requestTimeoutMs: timeout * MESH_TIMEOUT }),
    announcementsPerSession: MESH_ANNOUNCEMENTS,
    announceStreamsPerSession: MESH_ANNOUNCE_STREAMS,
    subscriptionsPerSession: MESH_SUBSCRIPTIONS,
    requests: MESH_REQUESTS,
    pendingStreamsPerSession: MESH_PENDING_STREAMS,
    groupsPerSession: limits.groupsPerSession * MESH_QUEUE,
    sessionQueueMark: limits.sessionQueueMark * MESH_QUEUE,
    sessionQueueBytes: limits.sessionQueueBytes * MESH_QUEUE,
  };
}

export interface MeshSessionPolicyDeps {
  readonly limits: SessionLimits;
  /** What publishers announce into. */
  readonly announcements: AnnounceTable;
  /** A table for the control session of a relay; nothing where this one is no root. */
  readonly control: ((options: Pick<ControlSessionServerOptions, "named" | "refuse">) => ControlTable) | undefined;
  /** The role with which a relay of that name is known; nothing where it is not known. */
  readonly roleOf: (node: string) => Role | undefined;
  readonly firstHand: (path: string) => boolean;
}

/** What a session that was let in is: the control session of a relay, its media session, a relay of others, or a client. */
export function meshSessionPolicy(deps: MeshSessionPolicyDeps, info: LinkInfo, admission: Admission): SessionPolicy {
  if (rootOf(info.path) === CONTROL_PATH) return controlTerms(deps, info, admission);
  if (MESH_PROTOCOLS.includes(info.protocol) && !admission.cluster) {
    throw new AuthError("cluster_required", `only a token with the \`cluster\` claim may speak ${info.protocol}`);
  }
  const { announcements, limits } = deps;
  const peer = admission.cluster ? peerOf(info) : undefined;
  if (peer !== undefined) {
    checkName(peer.node, admission);
    return { ...peerTerms(deps, peer), renews: true, ownNumbers: true, limits: meshLimits(limits) };
  }
  if (!admission.cluster) return { access: admission.access, table: announcements, announcePrefix: "" };
  const access = openAccess(admission.access.root);
  return { access, table: announcements, announcePrefix: "", limits: meshLimits(limits) };
}

function controlTerms({ control, limits }: MeshSessionPolicyDeps, info: LinkInfo, admission: Admission): SessionPolicy {
  if (!admission.cluster) {
    throw new AuthError("cluster_required", "only a token with the `cluster` claim opens this path");
  }
  if (control === undefined) throw new AuthError("not_a_root", "this relay is no root");
  const node = new URLSearchParams(info.query).get("node");
  if (node !== null) checkName(node, admission);
  let session: Session | undefined;
  const table = control({
    named: nameOf(admission),
    refuse: (message) => session?.end("unauthorized", message),
  });
  return {
    access: openAccess(""),
    table,
    announcePrefix: "",
    renews: true,
    limits: meshLimits(limits),
    started: (started) => {
      session = started;
      void started.announced.then(() => table.complete());
    },
    ended: (_session, code) => table.close(code),
  };
}

/**
 * An edge is served like a viewer that may watch everything; other relays get what is published here, so that no way leads back. A relay
 * that is known by another role is no edge because it says so.
 */
function peerTerms({ firstHand, roleOf }: MeshSessionPolicyDeps, { node, role }: Peer): SessionPolicy {
  const isEdge = () => role === "edge" && (roleOf(node) ?? "edge") === "edge";
  return {
    access: {
      root: "",
      mayPublish: () => false,
      maySubscribe: (path) => isEdge() || firstHand(path),
      watchable: (prefix) => (isEdge() ? [prefix] : []),
    },
    table: undefined,
    announcePrefix: undefined,
  };
}

/** A relay of the mesh as it names itself when it dials. */
interface Peer {
  readonly node: string;
  readonly role: Role;
}

/** Nothing for others than relays of the mesh. */
function peerOf({ query }: LinkInfo): Peer | undefined {
  const fields = new URLSearchParams(query);
  const node = fields.get("node");
  const role = ROLES.find((one) => one === fields.get("role"));
  return node === null || role === undefined ? undefined : { node, role };
}

/** The name that the token or the certificate of a relay gives; nothing where a token has no `sub`. */
function nameOf({ who }: Admission): string | undefined {
  return who.subject === undefined ? undefined : nodeOf(who.subject);
}

/** Throws where the relay has shown an identity, and it is another's. */
function checkName(node: string, admission: Admission): void {
  const named = nameOf(admission);
  if (named === undefined || named === node) return;
  throw new AuthError(
    "node_mismatch",
    `the token or certificate is of \`${named}\`, and the relay calls itself \`${node}\``,
  );
}
