import { setTimeout as sleep } from "node:timers/promises";
import { Histogram } from "../../load/histogram.ts";
import { LostSessions } from "../../load/lost-sessions.ts";
import { attachLoad } from "../../load/session.ts";
import { CROWD } from "../kinds.ts";
import { Announcer } from "./announcer.ts";
import type { CrowdDeps } from "./contract.ts";
import { Dialler } from "./dialler.ts";
import type { Stormed } from "./messages.ts";
import { type Changed, Watcher } from "./watchers.ts";

/** Milliseconds between two checks. */
const LOOK_MS = 20;

/** Longest time to make what exists before a storm, in milliseconds. */
const PREPARE_MS = 120_000;

/** Watchers send no announcements. */
const HOP = 1n;

/** What crowds of publishers and of watchers share. */
export class Lists {
  readonly waits = new Histogram();
  readonly lost = new LostSessions();
  readonly dialler: Dialler;
  readonly watchers: Watcher[] = [];

  readonly #deps: CrowdDeps;

  constructor(deps: CrowdDeps) {
    this.#deps = deps;
    this.dialler = new Dialler(deps);
  }

  /** Paths of broadcasts. */
  static paths(count: number): string[] {
    return Array.from({ length: count }, (_, number) => `${CROWD}/room-${number}/camera`);
  }

  /** Sessions that announce these broadcasts, connected. */
  async announce(broadcasts: readonly string[], perSession: number): Promise<Announcer[]> {
    const announcers: Announcer[] = [];
    let announced = 0;
    for (let first = 0; first < broadcasts.length; first += perSession) {
      const own = broadcasts.slice(first, first + perSession);
      announcers.push(new Announcer(own, this.lost, () => announced++));
    }
    await this.dialler.dialAll(
      announcers.map((one) => attachLoad(one, one.hop)),
      this.#deps.order.publish,
    );
    if (!(await holds(() => announced >= announcers.length, PREPARE_MS)))
      throw new Error(`the relay asked ${announced} of ${announcers.length} publishers for their broadcasts`);
    return announcers;
  }

  /** A watcher that is not connected yet. */
  watcher(changed: Changed): Watcher {
    const watcher = new Watcher(this.lost, changed);
    this.watchers.push(watcher);
    return watcher;
  }

  /** Connects watchers, and waits until each has listed this many broadcasts. */
  async watch(count: number, broadcasts: number, changed: Changed): Promise<void> {
    const watchers = Array.from({ length: count }, () => this.watcher(changed));
    await this.dialler.dialAll(
      watchers.map((one) => attachLoad(one, HOP)),
      this.#deps.order.watch,
    );
    if (!(await holds(() => watchers.every(({ list }) => list.size === broadcasts), PREPARE_MS)))
      throw new Error(`watchers list ${watchers.map(({ list }) => list.size).join(", ")} of ${broadcasts} broadcasts`);
  }

  /** Sessions of watchers count as done when they list exactly these. */
  complete(broadcasts: number): number {
    return this.watchers.filter(({ list }) => list.size === broadcasts).length;
  }

  stormed(done: number, of: number): Stormed {
    this.dialler.stop();
    const [refused, lost] = [this.dialler.refused.data(), this.lost.data()];
    return { done, of, waits: this.waits.data(), refused, lost };
  }
}

/** Waits for something; false when it did not come within `ms`. */
export async function holds(check: () => boolean, ms: number): Promise<boolean> {
  const until = performance.now() + ms;
  while (!check()) {
    if (performance.now() > until) return false;
    await sleep(LOOK_MS);
  }
  return true;
}
