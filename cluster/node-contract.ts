/** What a node of the mesh is given: its bounds, its settings, and who learns what happens. */
import type { Reason } from "../moq/reason.ts";
import type { NodeInfo, Peers, Registrar } from "./contract.ts";
import type { DnsEntry, ExternalRelayEvents } from "./links/index.ts";
import type { RootEvents } from "./root.ts";
import type { MeshSessionEvents } from "./sessions/index.ts";

/** Bounds of the tables of one relay. */
export interface MeshLimits {
  /** Prefixes and paths that the relay asks the roots for. */
  readonly scopes: number;
  /** Of a root: relays, and broadcasts of all of them together. */
  readonly nodes: number;
  readonly holdings: number;
}

/** A root with that many relays and broadcasts needs half a gigabyte for them. */
export const MESH_LIMITS: MeshLimits = { scopes: 8_192, nodes: 10_000, holdings: 2_000_000 };

/** What the machine of a relay has left. */
export interface MachineLoad {
  /** Sessions that this relay takes; 0: not known. */
  readonly maxSessions: () => number;
  /** The busy part of this relay's busiest thread since the last call, from 0 to 1. */
  readonly cpu: () => number;
}

export interface MeshSettings {
  /** URLs of the roots; the relay asks the first one that is up. */
  readonly roots: readonly string[];
  /** This relay is a root. */
  readonly isRoot: boolean;
  /** Relays that are known without a root, each as `NAME ROLE REGION URL`. */
  readonly peers: readonly string[];
  /** DNS names whose relays are known without a root, and the milliseconds between two queries. */
  readonly dns: readonly DnsEntry[];
  readonly dnsIntervalMs: number;
  /** URLs of relays outside the mesh. */
  readonly externals: readonly string[];
  /** Regions to take broadcasts from where this relay's own has none, best first. */
  readonly regions: readonly string[];
  /** Segments of a path by which broadcasts gather at a regional; 0: all of them. */
  readonly hashDepth: number;
  /** Prefixes under which publishers that number no epoch send the same content to several origins. */
  readonly redundant: readonly string[];
  /** Prefixes under which tracks are taken from two relays at once. */
  readonly hitless: readonly string[];
  /** Added to the cost of what is published here. */
  readonly cost: number;
  /** Milliseconds in which a relay that has started gets its share of broadcasts; 0: at once. */
  readonly rampMs: number;
  /** Milliseconds that a holder must be back before it is preferred to another one again; 0: at once. */
  readonly returnMs: number;
  /** Fullness from which on this relay is busy, from 0 to 1; 0: it never is. */
  readonly busyAt: number;
  /** This relay, an edge, sends new viewers to other edges while it is busy. */
  readonly redirects: boolean;
  /** Bits a second that this relay may send; 0: not known. */
  readonly bitsOut: number;
  /** Milliseconds that what a lost relay registered stays known. */
  readonly leaseMs: number;
  /** Milliseconds that a subscription waits for another route. */
  readonly holdMs: number;
  /** Milliseconds that a link and a scope are kept after their last use. */
  readonly lingerMs: number;
  /** Milliseconds of silence after which a link between relays is over. */
  readonly peerTimeoutMs: number;
  /** Milliseconds between the heartbeats on an idle link. */
  readonly heartbeatMs: number;
  /** Milliseconds of silence after which a relay whose media flows is probed; 0: no relay is suspected before its link is over. */
  readonly probeAfterMs: number;
  /** Relays to which a link is kept for failover; 0: none. */
  readonly warmLinks: number;
}

/** What happens to a node of the mesh, for its log. */
export interface MeshNodeEvents extends MeshSessionEvents, ExternalRelayEvents, RootEvents {
  /** A root cannot be reached; it is dialled again. Called once until it is reached. */
  readonly rootUnreachable: (url: string, error: unknown) => void;
  /** A root ended its answer for the scope of `prefix` before its session; it is asked again after the lease. */
  readonly answerCut: (prefix: string, reason: Reason) => void;
  /** From now on other relays are asked in place of the roots, or no more. `trouble`: the roots that cannot be asked, with the reasons. */
  readonly rootless: (asking: boolean, trouble: readonly string[]) => void;
  /** Another relay has this relay's name; `taken`: the other one is registered and this one is not. */
  readonly namesake: (info: NodeInfo, taken: boolean) => void;
  /** An epoch or start of `node` was refused because it is that far ahead of this relay's clock. */
  readonly clockAhead: (node: string, aheadMs: number) => void;
  /** Parent regions lead in a circle, so the relay of `parent` takes broadcasts from origins, from now on or no more. */
  readonly parentIgnored: (parent: string, ignored: boolean) => void;
  /** A relay whose link is up has answered no probe; its tracks move to other relays, where there are others. */
  readonly relaySuspected: (node: string, silentMs: number) => void;
  /** It answers again. */
  readonly relayAnswers: (node: string) => void;
  readonly dnsTrouble: (message: string) => void;
  /** A relay found by DNS does not identify itself; it is dialled again. Called once until it does. */
  readonly notIdentified: (info: NodeInfo, error: unknown) => void;
  /** The control session of this relay with itself threw. */
  readonly controlDefect: (error: unknown) => void;
}

/** Stands between parts of a node and sees what passes; a simulation checks its promises with it. */
export interface MeshProbe {
  registrar(registrar: Registrar): Registrar;
  peers(peers: Peers): Peers;
}
