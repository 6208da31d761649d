import type { Clock } from "../moq/clock.ts";
import type { Counters } from "../moq/counters.ts";
import { Condition } from "./condition.ts";
import type { LoadLink, NodeInfo, NodeLoad } from "./contract.ts";
import type { ControlClient } from "./control/index.ts";
import { LoadReport } from "./load-report.ts";
import type { MachineLoad, MeshNodeEvents, MeshSettings } from "./node-contract.ts";
import { Redirects } from "./redirects.ts";
import type { RouteTable } from "./routes/index.ts";
import { TOPOLOGY_METRICS, type TopologyNumbers } from "./topology-metrics.ts";

export interface TopologyDeps {
  readonly self: NodeInfo;
  readonly settings: Pick<MeshSettings, "busyAt" | "bitsOut" | "redirects">;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly machine: MachineLoad;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly events: Pick<MeshNodeEvents, "parentIgnored" | "controlDefect">;
  readonly routes: RouteTable;
  readonly control: Pick<ControlClient, "inform" | "setLoad" | "loadOf">;
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
  /** Absent where this relay sends no viewer away. */
  readonly #redirects: Redirects | undefined;

  constructor(deps: TopologyDeps) {
    const { self, settings, clock, counters, machine, control, registered: broadcasts, links } = deps;
    this.#deps = deps;
    this.#numbers = counters.numbers(TOPOLOGY_METRICS);
    this.#redirects = settings.redirects && self.role === "edge" ? redirectsOf(deps) : undefined;
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

  /**
   * A viewer has come whose session is at that address. `leave` sends it to a URL, and returns false where its protocol cannot. While this
   * relay is busy, some viewers are sent to another edge.
   */
  viewer(address: string, leave: (url: string) => boolean): void {
    const target = this.#redirects?.target(address);
    if (target !== undefined && leave(target.publicUrl)) this.#numbers.redirects++;
  }

  #reported(load: NodeLoad, busy: boolean): void {
    Object.assign(this.#numbers, { fullness: load.fullness ?? 0, busy: Number(busy) });
    this.#redirects?.reported(load, busy);
    this.#deps.reported();
  }
}

function redirectsOf({ clock, random, routes, control, settings, events }: TopologyDeps): Redirects {
  return new Redirects({
    clock,
    random,
    busyAt: settings.busyAt,
    edges: () => routes.free(),
    loadOf: (node) => control.loadOf(node),
    share: (node) => routes.share(node),
    defect: events.controlDefect,
  });
}
