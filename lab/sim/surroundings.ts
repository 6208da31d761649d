import type { MeshSettings, NodeInfo, PerKind } from "../../cluster/index.ts";
import type { ManualClock, MemoryNetwork } from "../network/index.ts";
import type { WorldEvents } from "./probe.ts";

/** Properties of a world besides its relays. What is absent has the program's default. */
export interface WorldOptions {
  /** Of links between relays: large meshes have slow ones, so that most of what happens is not signs of life. */
  readonly peer?: { readonly idleTimeoutMs: number; readonly keepAliveMs: number };
  /** One-way delay of each new link between the relays of those names, in milliseconds. */
  readonly latencyMs?: (from: string, to: string) => number;
  /** How far the wall clock of a relay is ahead, in milliseconds. */
  readonly skewMs?: (node: string) => number;
  /** Milliseconds for which the token of a relay is valid; absent: no token expires. */
  readonly tokenLifeMs?: number;
  /** What is set at a relay of the world. */
  readonly settings?: (info: NodeInfo) => Partial<MeshSettings>;
  /** Prefixes under which relays take tracks from two others at once; default: none. */
  readonly hitless?: readonly string[];
  /** The parent region of each region that has one. */
  readonly parents?: Readonly<Record<string, string>>;
  /** Sessions that a relay takes; 0 or absent: no bound is known. */
  readonly maxSessions?: (node: string) => number;
  readonly events?: WorldEvents;
  /** Limits of each tenant that hold over the mesh; absent: there are none. */
  readonly tenantLimit?: PerKind;
  /** Versions of the wire between relays that a relay speaks, newest first; absent: all. An earlier version of the program speaks fewer. */
  readonly meshProtocols?: (node: string) => readonly string[];
  /** Roots are of a version that knows nothing of tenants. */
  readonly oldRoots?: boolean;
}

/** What a relay needs of the world in which it runs. */
export interface Surroundings {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Names of the roots. */
  readonly roots: readonly string[];
  /** Preferred by every relay after its own. */
  readonly regions: readonly string[];
  readonly options: WorldOptions;
  readonly defects: unknown[];
  /** Announcements that control sessions carried, both ways. */
  messages: number;
  /** The wall clock of a relay, in milliseconds since 1970. */
  wallNow(node: string): number;
  /** The relay was killed and is no longer part of the world. */
  killed(node: string): void;
}
