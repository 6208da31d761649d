import type { Clock } from "../../moq/clock.ts";
import type { Counters } from "../../moq/counters.ts";
import type { Distribution } from "../../moq/metrics.ts";
import type { Source } from "../../moq/model/index.ts";
import type { Peers, Role } from "../contract.ts";
import { Hitless } from "./hitless/index.ts";
import { MeshSource, type MeshSourceDeps, type Protection } from "./mesh-source.ts";
import { FAILOVER_METRICS, type FailoverCounters, gapsOf, warmLinksIn } from "./metrics.ts";
import { WarmLinks } from "./warm-links.ts";

/**
 * Longest time in milliseconds that a regional waits for a route: the edges that it serves know other routes, and keep their viewers
 * meanwhile.
 */
const REGIONAL_HOLD_MS = 1_000;

export interface MeshSourcesDeps {
  readonly role: Role;
  readonly clock: Clock;
  readonly peers: Peers;
  readonly counters: Counters;
  /** As `MeshSettings` has them. */
  readonly settings: {
    readonly hitless: readonly string[];
    readonly holdMs: number;
    readonly warmLinks: number;
  };
}

/** Makes the sources of the broadcasts of other relays, and has what they share. */
export class MeshSources {
  readonly failovers: FailoverCounters;
  readonly hitless: Hitless;
  readonly #deps: MeshSourcesDeps;
  readonly #gaps: Distribution;
  readonly #warm: WarmLinks;

  constructor(deps: MeshSourcesDeps) {
    const { peers, counters, settings } = deps;
    this.#deps = deps;
    this.failovers = counters.numbers(FAILOVER_METRICS);
    this.hitless = new Hitless(settings.hitless, counters);
    this.#gaps = gapsOf(counters);
    const refused = () => {
      counters.boundsHit.mesh_warm_links++;
    };
    this.#warm = new WarmLinks({ peers, most: settings.warmLinks, refused });
    warmLinksIn(counters, this.#warm);
  }

  make(on: Pick<MeshSourceDeps, "epoch" | "candidates" | "besides" | "idle" | "spent">): MeshSource {
    const { clock, peers, role, settings } = this.#deps;
    const wait = failoverWait(role, settings.holdMs);
    const shared = { warm: this.#warm, hitless: this.hitless, counters: this.failovers, gaps: this.#gaps };
    return new MeshSource({ clock, peers, ...shared, ...wait, ...on });
  }

  /** The relay that a track of the source is taken from now. Absent for a source that is not of this mesh. */
  relayOf(source: Source, track: string): string | undefined {
    return source instanceof MeshSource ? source.relayOf(track) : undefined;
  }

  /** How a track of the source is protected under a hitless prefix. */
  protectionOf(source: Source, track: string): Protection | undefined {
    return source instanceof MeshSource ? source.protectionOf(track) : undefined;
  }

  close(): void {
    this.#warm.close();
  }
}

/** How long a subscription waits for a route to its broadcast, and how it ends when there is none. */
function failoverWait(role: Role, holdMs: number): Pick<MeshSourceDeps, "holdMs" | "lostAs"> {
  return role === "regional"
    ? { holdMs: Math.min(holdMs, REGIONAL_HOLD_MS), lostAs: "unroutable" }
    : { holdMs, lostAs: "upstream" };
}
