import { sharedMicros } from "../../load/micros.ts";
import { CROWD } from "../kinds.ts";
import type { Announcer } from "./announcer.ts";
import type { Crowd, CrowdDeps } from "./contract.ts";
import { holds, Lists } from "./lists.ts";
import type { Stormed } from "./messages.ts";

/** Broadcasts that come and go, and those of one session. */
const BROADCASTS = 1_000;
const PER_SESSION = 100;

/** Milliseconds between two bursts of announcements. */
const TICK_MS = 10;

/** Publishers whose broadcasts end and begin again. A watcher is done when it lists at the end what there is. */
export class Churn implements Crowd {
  readonly #deps: CrowdDeps;
  readonly #lists: Lists;
  #announcers: readonly Announcer[] = [];
  /** When the last change of a broadcast was announced, by its suffix. */
  readonly #changedAt = new Map<string, number>();

  constructor(deps: CrowdDeps) {
    this.#deps = deps;
    this.#lists = new Lists(deps);
  }

  leave(): void {
    this.#lists.dialler.leave();
  }

  async prepare(): Promise<void> {
    this.#announcers = await this.#lists.announce(Lists.paths(BROADCASTS), PER_SESSION);
    await this.#lists.watch(this.#deps.order.watchers, BROADCASTS, (suffix) => {
      const at = this.#changedAt.get(suffix);
      if (at !== undefined) this.#lists.waits.record(sharedMicros() - at);
    });
  }

  async storm(): Promise<Stormed> {
    const { clock, order } = this.#deps;
    const { size, seconds, patienceMs } = order;
    // Whole cycles, so that at the end every broadcast is there.
    const cycle = 2 * BROADCASTS;
    const total = Math.ceil((size * seconds) / cycle) * cycle;
    const begin = clock.now();
    const all = Promise.withResolvers<void>();
    let changes = 0;
    const tick = () => {
      const due = Math.min(total, ((clock.now() - begin) * size) / 1_000);
      while (changes < due) this.#change(changes++);
      if (changes < total) clock.timer(TICK_MS, tick);
      else all.resolve();
    };
    tick();
    await all.promise;
    const { watchers } = this.#lists;
    await holds(() => this.#lists.complete(BROADCASTS) === watchers.length, patienceMs);
    return this.#lists.stormed(this.#lists.complete(BROADCASTS), watchers.length);
  }

  /** Ends all broadcasts one after another, then begins them again, and so on. */
  #change(number: number): void {
    const at = number % BROADCASTS;
    const announcer = this.#announcers[Math.floor(at / PER_SESSION)];
    const path = announcer?.broadcasts[at % PER_SESSION];
    if (announcer === undefined || path === undefined) return;
    this.#changedAt.set(path.slice(CROWD.length + 1), sharedMicros());
    announcer.set(path, Math.floor(number / BROADCASTS) % 2 === 1);
  }
}
