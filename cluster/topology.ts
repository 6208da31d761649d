import type { Clock } from "../moq/clock.ts";
import type { Counters } from "../moq/counters.ts";
import { Condition } from "./condition.ts";
import type { LoadLink, NodeInfo, NodeLoad } from "./contract.ts";
import type { ControlClient } from "./control/index.ts";
import { LoadReport } from "./load-report.ts";
import type { MachineLoad, MeshNodeEvents, MeshSettings } from "./node-contract.ts";
import type { RouteTable } from "./routes/index.ts";
import { TOPOLOGY_METRICS, type TopologyNumbers } from "./topology-metrics.ts";

export interface TopologyDeps {
  readonly self: NodeInfo;
  readonly settings: Pick<MeshSettings, "busyAt" | "bitsOut">;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly machine: MachineLoad;
  readonly events: Pick<MeshNodeEvents, "parentIgnored">;
  readonly routes: RouteTable;
  readonly control: Pick<ControlClient, "inform" | "setLoad">;
  /** Broadcasts that are registered as published here. */
  readonly registered: () => number;
  /** Links to the relays that this one takes media from. */
  readonly links: () => readonly LoadLink[];
  /** After each report to the roots. */
  readonly reported: () => void;
}

/** This relay's place in the mesh: whether it uses its parent region, drains, or is near its bounds. */
export class Topology {
  readonly #deps: TopologyDeps;
  readonly #numbers: TopologyNumbers;
  readonly #condition: Condition;

  constructor(deps: TopologyDeps) {
    const { self, settings, clock, counters, machine, control, registered: broadcasts, links } = deps;
    this.#deps = deps;
    this.#numbers = counters.numbers(TOPOLOGY_METRICS);
    const bounds = () => ({ sessions: machine.maxSessions(), bitsOut: settings.bitsOut });
    this.#condition = new Condition({
      clock,
      self,
      busyAt: settings.busyAt,
      load: new LoadReport({ clock, counters, broadcasts, bounds, cpu: machine.cpu, links }),
      inform: (info) => control.inform(info),
      setLoad: (load) => control.setLoad(load),
      reported: (load, busy) => this.#reported(load, busy),
    });
  }

  /** Reports the load from now on. */
  start(): void {
    this.#condition.start();
  }

  setDraining(draining: boolean): void {
    this.#condition.setDraining(draining);
  }

  /** Relays came, went, or changed. */
  nodesChanged(): void {
    const { self, routes, events } = this.#deps;
    const ignored = Number(routes.parentIgnored);
    if (this.#numbers.parentIgnored === ignored) return;
    this.#numbers.parentIgnored = ignored;
    events.parentIgnored(self.parent ?? "", ignored === 1);
  }

  close(): void {
    this.#condition.close();
  }

  #reported({ fullness = 0 }: NodeLoad, busy: boolean): void {
    Object.assign(this.#numbers, { fullness, busy: Number(busy) });
    this.#deps.reported();
  }
}
