import type { Clock } from "../moq/clock.ts";
import type { ClockBound } from "./clock-bound.ts";
import type { NodeInfo } from "./contract.ts";
import { ControlSessionServer, type ControlSessionServerOptions } from "./control/index.ts";
import { Registry, type ReplicatedRegistry } from "./registry/index.ts";

export interface RootEvents {
  /** Several relays have one name; only the one with the URL `registered` is registered. */
  readonly nameContested: (infos: readonly NodeInfo[], registered: string | undefined) => void;
  /** A relay registered whose token has no subject, so another relay could take its name. */
  readonly nodeUnnamed: (info: NodeInfo) => void;
}

export interface RootDeps {
  readonly self: NodeInfo;
  readonly clock: Clock;
  readonly clocks: Pick<ClockBound, "accepts">;
  readonly leaseMs: number;
  /** As the registry has it. */
  readonly namesakeMs: number;
  /** Relays, and broadcasts of all of them together, that the registry remembers. */
  readonly limits: { readonly nodes: number; readonly holdings: number };
  /** Shares the registry with other roots; absent: it is in this relay's memory only. */
  readonly replicate: ((registry: Registry) => ReplicatedRegistry | undefined) | undefined;
  readonly events: RootEvents;
}

/** What a relay has because it is a root: the registry, and the tables that control sessions read and write it through. */
export class Root {
  readonly registry: Registry;
  readonly replicated: ReplicatedRegistry | undefined;
  readonly #deps: RootDeps;
  #contested = 0;

  constructor(deps: RootDeps) {
    const { clock, clocks, leaseMs, namesakeMs, limits, replicate } = deps;
    this.#deps = deps;
    this.registry = new Registry({
      clock,
      leaseMs,
      maxNodes: limits.nodes,
      maxHoldings: limits.holdings,
      clocks,
      namesakeMs,
      contested: (infos) => this.#nameContested(infos),
    });
    this.replicated = replicate?.(this.registry);
  }

  /** Names that more than one relay had at once. */
  get contested(): number {
    return this.#contested;
  }

  start(): void {
    this.replicated?.start();
  }

  close(): void {
    this.replicated?.close();
    this.registry.close();
  }

  /** For the relay itself. */
  local(): ControlSessionServer {
    return new ControlSessionServer(this.registry, { named: this.#deps.self.node });
  }

  /** For the control session of another relay. */
  control(options: Pick<ControlSessionServerOptions, "named" | "refuse">): ControlSessionServer {
    const { self, events } = this.#deps;
    return new ControlSessionServer(this.registry, { own: self.hop, unnamed: events.nodeUnnamed, ...options });
  }

  #nameContested(infos: readonly NodeInfo[]): void {
    this.#contested++;
    const node = infos[0]?.node;
    this.#deps.events.nameContested(infos, node === undefined ? undefined : this.registry.get(node)?.url);
  }
}
