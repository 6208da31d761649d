import type { Clock } from "../moq/clock.ts";
import { type Counters, DROP_REASONS } from "../moq/counters.ts";
import { type LoadLink, MAX_LOAD_LINKS, type NodeLoad } from "./contract.ts";

/** A group that a subscriber stopped itself is no loss. */
const LOSSES = DROP_REASONS.filter((reason) => reason !== "stopped");

/** What a report counts besides the counters of the relay. */
export interface LoadReportDeps {
  readonly clock: Pick<Clock, "now">;
  readonly counters: Counters;
  /** Broadcasts that are published at this relay. */
  readonly broadcasts: () => number;
  /** The bounds of the relay; 0 where one is not known. Bits a second. */
  readonly bounds: () => { readonly sessions: number; readonly bitsOut: number };
  /** The busy part of its busiest thread since the last call, from 0 to 1. */
  readonly cpu: () => number;
  /** Links to the relays that this one takes media from. */
  readonly links: () => readonly LoadLink[];
}

/** How busy this relay is, each time that it reports so to the roots. */
export class LoadReport {
  readonly #deps: LoadReportDeps;
  /** The totals of the last report. */
  #before: { readonly at: number; readonly bytesIn: number; readonly bytesOut: number } | undefined;

  constructor(deps: LoadReportDeps) {
    this.#deps = deps;
  }

  /** Rates are those since the last call; 0 in the first one. */
  next(): NodeLoad {
    const { clock, counters, broadcasts, bounds, cpu, links } = this.#deps;
    const { bytesIn, bytesOut, sessionsActive, subscriptionsActive, viewersActive, groupsDropped } = counters;
    const at = clock.now();
    const before = this.#before ?? { at, bytesIn, bytesOut };
    this.#before = { at, bytesIn, bytesOut };
    const bits = (bytes: number) => (at === before.at ? 0 : Math.round((bytes * 8_000) / (at - before.at)));
    const bitsOut = bits(bytesOut - before.bytesOut);
    const most = bounds();
    const part = (value: number, bound: number) => (bound > 0 ? value / bound : 0);
    return {
      sessions: sessionsActive,
      subscriptions: subscriptionsActive,
      traffic: {
        viewers: viewersActive,
        broadcasts: broadcasts(),
        bitsIn: bits(bytesIn - before.bytesIn),
        bitsOut,
        dropped: LOSSES.reduce((sum, reason) => sum + groupsDropped[reason], 0),
      },
      fullness: Math.max(part(sessionsActive, most.sessions), part(bitsOut, most.bitsOut), cpu()),
      links: links().slice(0, MAX_LOAD_LINKS),
    };
  }
}
