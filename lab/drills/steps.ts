import { setTimeout as sleep } from "node:timers/promises";
import { sharedMicros } from "../../bench/load/micros.ts";
import type { Broadcasting, Seen } from "../broadcasting.ts";
import { gapFigures, type StepFigures } from "./figures.ts";

/** Milliseconds after a step for its groups to arrive; longer than a viewer waits for groups of a relay that it has left. */
const SETTLE_MS = 1_600;

/** The steps of a drill, each with what the viewers saw. No frame is between two steps. */
export class Steps {
  readonly done: StepFigures[] = [];
  readonly #broadcasting: Pick<Broadcasting, "next">;
  readonly #say: (what: string) => void;
  #seen: Seen | undefined;
  #began: number | undefined;

  constructor(broadcasting: Pick<Broadcasting, "next">, say: (what: string) => void) {
    this.#broadcasting = broadcasting;
    this.#say = say;
  }

  /** All steps together; undefined before the first one has ended. */
  get seen(): Seen | undefined {
    return this.#seen;
  }

  /** Does one step and measures what viewers see meanwhile. Rejects as `work` does. */
  async step(name: string, work: () => Promise<void>): Promise<void> {
    const from = performance.now();
    this.#began ??= from;
    await work();
    const seconds = (performance.now() - from) / 1_000;
    await sleep(SETTLE_MS);
    const seen = await this.#broadcasting.next();
    const { worst, lost, moved, reconnected } = gapFigures(seen, sharedMicros());
    const figures = {
      step: name,
      at: tenth((from - this.#began) / 1_000),
      seconds: tenth(seconds),
      worst_gap_ms: worst,
      p99_ms: tenth(seen.p99Us / 1_000),
      groups_lost: lost,
      moved,
      reconnected,
    };
    this.done.push(figures);
    this.#seen = this.#seen === undefined ? seen : both(this.#seen, seen);
    this.#say(`${name}: ${figures.seconds} s, longest gap ${worst} ms, ${lost} groups lost`);
  }
}

/** Two measurements of the same viewers as one. */
function both(first: Seen, second: Seen): Seen {
  const viewers = second.viewers.map((viewer, index) => {
    const before = first.viewers[index] ?? viewer;
    const longer = before.gapUs > viewer.gapUs ? before : viewer;
    return {
      edge: viewer.edge,
      frames: before.frames + viewer.frames,
      gapUs: longer.gapUs,
      gapFromUs: longer.gapFromUs,
      moved: before.moved + viewer.moved,
      reconnected: before.reconnected + viewer.reconnected,
      subscriptionsLost: before.subscriptionsLost + viewer.subscriptionsLost,
      lost: [...before.lost, ...viewer.lost],
    };
  });
  return { viewers, groups: [...first.groups, ...second.groups], p99Us: Math.max(first.p99Us, second.p99Us) };
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
