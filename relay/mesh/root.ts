import {
  ClockBound,
  ControlSessionServer,
  type ControlSessionServerOptions,
  type NodeInfo,
  Registry,
  type ReplicatedRegistry,
} from "../../cluster/index.ts";
import type { Clock } from "../../moq/clock.ts";
import type { Counters } from "../../moq/counters.ts";
import type { Config } from "../config/index.ts";
import type { Logger } from "../log/index.ts";
import { shareRegistry } from "./registry.ts";

/** What a root remembers: a mesh of that size needs half a gigabyte for it. */
const MAX_NODES = 10_000;
const MAX_HOLDINGS = 2_000_000;

/** Least milliseconds after which two relays with one name are no restart of one. */
const SETTLE_MS = 5_000;

/** The same, where a relay that is gone is missed later. */
export function settleMs({ peerTimeoutMs }: Pick<Config["cluster"], "peerTimeoutMs">): number {
  return Math.max(SETTLE_MS, 2 * peerTimeoutMs);
}

interface ClockBoundParts {
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly log: Logger;
  readonly counters: Pick<Counters, "boundsHit">;
}

/** Bounds the times that other relays tell by this relay's clock; those that are refused are counted and logged. */
export function clockBound({ clock, wallNow, log, counters }: ClockBoundParts): ClockBound {
  return new ClockBound({
    clock,
    wallNow,
    refused: () => {
      counters.boundsHit.mesh_clock_ahead++;
    },
    report: (node, aheadMs) =>
      log.warn(
        { code: "mesh_clock_ahead", node, aheadSeconds: Math.round(aheadMs / 1_000) },
        `refused an epoch or a start of ${node}: it is far ahead of this relay's clock; check the clocks of both`,
      ),
  });
}

interface RootParts {
  readonly config: Config["cluster"];
  readonly clock: Clock;
  readonly log: Logger;
  readonly clocks: ClockBound;
  readonly self: NodeInfo;
}

/** What a relay has because it is a root. */
export class Root {
  readonly registry: Registry;
  readonly shared: ReplicatedRegistry | undefined;
  readonly #self: NodeInfo;
  readonly #log: Logger;
  /** Names that more than one relay had. */
  #contested = 0;

  constructor({ config, clock, log, clocks, self }: RootParts) {
    this.#self = self;
    this.#log = log;
    this.registry = new Registry({
      clock,
      leaseMs: config.leaseMs,
      maxNodes: MAX_NODES,
      maxHoldings: MAX_HOLDINGS,
      clocks,
      settleMs: settleMs(config),
      contested: (infos) => this.#tellContested(infos),
    });
    this.shared = shareRegistry(this.registry, { config, clock, log });
  }

  get contested(): number {
    return this.#contested;
  }

  /** For the relay itself. */
  local(): ControlSessionServer {
    return new ControlSessionServer(this.registry, { named: this.#self.node });
  }

  /** For the control session of another relay. */
  control(options: Pick<ControlSessionServerOptions, "named" | "refuse">): ControlSessionServer {
    const unnamed = ({ node, url }: NodeInfo) =>
      this.#log.warn(
        { code: "node_unnamed", node, url },
        `the token of ${node} has no \`sub\`, so another relay could take that name; make it with --subject ${node}`,
      );
    return new ControlSessionServer(this.registry, { own: this.#self.hop, unnamed, ...options });
  }

  #tellContested(infos: readonly NodeInfo[]): void {
    this.#contested++;
    const node = infos[0]?.node;
    const registered = node === undefined ? undefined : this.registry.get(node)?.url;
    const urls = infos.map(({ url }) => url);
    this.#log.warn(
      { code: "node_twice", node, registered, urls },
      `${infos.length} relays have the name ${node}; only the one at ${registered} is registered: give each relay a name of its own`,
    );
  }
}
