import type { LinkInfo } from "../../moq/link.ts";
import { rootOf } from "../../moq/path.ts";
import {
  type Access,
  type AnnounceTable,
  MESH_PROTOCOLS,
  openAccess,
  type Session,
  type SessionLimits,
} from "../../moq/session/index.ts";
import { type NodeInfo, ROLES, type Role } from "../contract.ts";
import type { ControlSessionServerOptions, ControlTable } from "../control/index.ts";
import { nodeOf } from "../identity.ts";
import { meshLimits } from "./limits.ts";

/** Path of the control session that a relay keeps to a root. */
export const CONTROL_PATH = ".moqmesh";

/** What an admitted session may see and do. */
export interface SessionPolicy {
  readonly access: Access;
  /** The table that its announcements go to and come from; absent: the relay's own broadcasts. */
  readonly table: AnnounceTable | undefined;
  /** Prefix of the announcements that the relay asks the peer for; absent: it asks for none. */
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

/** Who opens a session, as its token or certificate says. */
export interface Visitor {
  /** What the token allows a client. */
  readonly access: Access;
  /** The token or certificate is that of a relay of the mesh. */
  readonly cluster: boolean;
  /** Subject of the token or certificate; absent where it has none. */
  readonly subject: string | undefined;
}

/** The mesh refuses a session. The codes are those of `AuthError`. */
export class MeshRefusal extends Error {
  override readonly name = "MeshRefusal";
  readonly code: "cluster_required" | "not_a_root" | "node_mismatch";

  constructor(code: MeshRefusal["code"], message: string) {
    super(message);
    this.code = code;
  }
}

export interface MeshSessionPolicyDeps {
  /** Of a client's session. */
  readonly limits: SessionLimits;
  /** Takes the announcements of publishers. */
  readonly announcements: AnnounceTable;
  /** Makes the table for the control session of a relay; absent where this relay is no root. */
  readonly control: ((options: Pick<ControlSessionServerOptions, "named" | "refuse">) => ControlTable) | undefined;
  /** The role that the mesh knows the relay by; absent where the mesh does not know the relay. */
  readonly roleOf: (node: string) => Role | undefined;
  /** Whether that regional may take from this relay what this relay takes from others; `claim`: the regions that it names itself. */
  readonly servesRegional: (node: string, claim: Pick<NodeInfo, "region" | "parent">) => boolean;
  /** Whether a publisher of the broadcast is connected to this relay. */
  readonly firstHand: (path: string) => boolean;
}

/**
 * What an admitted session is: the control session of a relay, the media session of a relay, a relay outside the mesh, or a client.
 * Throws {@link MeshRefusal}.
 */
export function meshSessionPolicy(deps: MeshSessionPolicyDeps, info: LinkInfo, visitor: Visitor): SessionPolicy {
  if (rootOf(info.path) === CONTROL_PATH) return controlPolicy(deps, info, visitor);
  if (MESH_PROTOCOLS.includes(info.protocol) && !visitor.cluster) {
    throw new MeshRefusal("cluster_required", `only a token with the \`cluster\` claim may speak ${info.protocol}`);
  }
  const { announcements, limits } = deps;
  const peer = visitor.cluster ? peerOf(info) : undefined;
  if (peer !== undefined) {
    checkName(peer.node, visitor);
    return { ...peerPolicy(deps, peer), renews: true, ownNumbers: true, limits: meshLimits(limits) };
  }
  if (!visitor.cluster) return { access: visitor.access, table: announcements, announcePrefix: "" };
  const access = openAccess(visitor.access.root);
  return { access, table: announcements, announcePrefix: "", limits: meshLimits(limits) };
}

function controlPolicy({ control, limits }: MeshSessionPolicyDeps, info: LinkInfo, visitor: Visitor): SessionPolicy {
  if (!visitor.cluster) {
    throw new MeshRefusal("cluster_required", "only a token with the `cluster` claim opens this path");
  }
  if (control === undefined) throw new MeshRefusal("not_a_root", "this relay is no root");
  const node = new URLSearchParams(info.query).get("node");
  if (node !== null) checkName(node, visitor);
  let session: Session | undefined;
  const table = control({
    named: nameOf(visitor),
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
 * An edge may watch everything, and a regional of a region below this relay's may subscribe to everything. Every other relay may watch only
 * what is published here, so that no path through the mesh leads back. A relay that the mesh knows by another role is no edge and no
 * regional, whatever it calls itself.
 */
function peerPolicy({ firstHand, roleOf, servesRegional }: MeshSessionPolicyDeps, peer: Peer): SessionPolicy {
  const { node, role } = peer;
  const isEdge = () => role === "edge" && (roleOf(node) ?? "edge") === "edge";
  const isBelow = () =>
    role === "regional" && (roleOf(node) ?? "regional") === "regional" && servesRegional(node, peer.claim);
  return {
    access: {
      root: "",
      mayPublish: () => false,
      maySubscribe: (path) => isEdge() || firstHand(path) || isBelow(),
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
  /** The regions that it names, of a regional whose region has a parent. */
  readonly claim: Pick<NodeInfo, "region" | "parent">;
}

/** Absent where the session is not that of a relay of the mesh. */
function peerOf({ query }: LinkInfo): Peer | undefined {
  const fields = new URLSearchParams(query);
  const node = fields.get("node");
  const role = ROLES.find((one) => one === fields.get("role"));
  const parent = fields.get("parent");
  const claim = { region: fields.get("region") ?? "", ...(parent !== null && { parent }) };
  return node === null || role === undefined ? undefined : { node, role, claim };
}

/** The relay's name by its token or certificate; absent where a token has no `sub`. */
function nameOf({ subject }: Visitor): string | undefined {
  return subject === undefined ? undefined : nodeOf(subject);
}

/** Throws where the token or certificate is that of another relay. */
function checkName(node: string, visitor: Visitor): void {
  const named = nameOf(visitor);
  if (named === undefined || named === node) return;
  throw new MeshRefusal(
    "node_mismatch",
    `the token or certificate is that of \`${named}\`, and the relay calls itself \`${node}\``,
  );
}
