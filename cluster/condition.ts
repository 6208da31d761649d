import type { Clock } from "../moq/clock.ts";
import { Busy } from "./busy.ts";
import type { NodeInfo, NodeLoad } from "./contract.ts";
import type { LoadReport } from "./load-report.ts";

/** Milliseconds between two reports of this relay's load to the roots. */
const LOAD_INTERVAL_MS = 5_000;

export interface ConditionDeps {
  readonly clock: Clock;
  readonly self: NodeInfo;
  /** Fullness from which on the relay is busy; 0: it never is. */
  readonly busyAt: number;
  readonly load: LoadReport;
  /** Tells the roots. */
  readonly inform: (info: NodeInfo) => void;
  readonly setLoad: (load: NodeLoad) => void;
  /** After each report. */
  readonly reported: (load: NodeLoad, busy: boolean) => void;
}

/** What other relays are told of this one that may change: that it drains, that it is near its bounds, and its load. */
export class Condition {
  readonly #deps: ConditionDeps;
  readonly #busy: Busy;
  #draining = false;
  #cancel = () => {};

  constructor(deps: ConditionDeps) {
    this.#deps = deps;
    this.#busy = new Busy(deps.busyAt);
  }

  /** Reports the load from now on. */
  start(): void {
    this.#report();
  }

  setDraining(draining: boolean): void {
    this.#draining = draining;
    this.#inform();
  }

  close(): void {
    this.#cancel();
  }

  #report(): void {
    const { clock, load, setLoad, reported } = this.#deps;
    const next = load.next();
    const before = this.#busy.busy;
    const busy = this.#busy.next(next.fullness ?? 0);
    setLoad(next);
    if (busy !== before) this.#inform();
    reported(next, busy);
    this.#cancel = clock.timer(LOAD_INTERVAL_MS, () => this.#report());
  }

  #inform(): void {
    const { self, inform } = this.#deps;
    inform({ ...self, draining: this.#draining, ...(this.#busy.busy && { busy: true }) });
  }
}
