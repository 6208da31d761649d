import { sharedMicros } from "../../load/micros.ts";
import { attachLoad } from "../../load/session.ts";
import type { Crowd, CrowdDeps } from "./contract.ts";
import { holds, Lists } from "./lists.ts";
import type { Stormed } from "./messages.ts";
import type { Watcher } from "./watchers.ts";

/** Broadcasts of one session: the default of `[limits] announcements_per_session`. */
const PER_SESSION = 1_000;

/** Watchers send no announcements. */
const HOP = 1n;

/** Watchers who connect at once and list many broadcasts. */
export class Lobby implements Crowd {
  readonly #deps: CrowdDeps;
  readonly #lists: Lists;

  constructor(deps: CrowdDeps) {
    this.#deps = deps;
    this.#lists = new Lists(deps);
  }

  leave(): void {
    this.#lists.dialler.leave();
  }

  async prepare(): Promise<void> {
    await this.#lists.announce(Lists.paths(this.#deps.order.size), PER_SESSION);
  }

  async storm(): Promise<Stormed> {
    const { size, watchers, patienceMs, watch } = this.#deps.order;
    const { waits, dialler } = this.#lists;
    const since = sharedMicros();
    const dials = Array.from({ length: watchers }, () => {
      const watcher: Watcher = this.#lists.watcher((_, active) => {
        if (active && watcher.list.size === size) waits.record(sharedMicros() - since);
      });
      return dialler.dial(attachLoad(watcher, HOP), watch);
    });
    await holds(() => waits.count >= watchers, patienceMs);
    dialler.stop();
    await Promise.all(dials);
    return this.#lists.stormed(this.#lists.complete(size), watchers);
  }
}
