import { sharedMicros } from "../../load/micros.ts";
import { attachLoad } from "../../load/session.ts";
import { Announcer } from "./announcer.ts";
import type { Crowd, CrowdDeps } from "./contract.ts";
import { holds, Lists } from "./lists.ts";
import type { Stormed } from "./messages.ts";

/** Publishers with a broadcast each, which end their sessions and connect again at once, as after a fault of their network. */
export class Publishers implements Crowd {
  readonly #deps: CrowdDeps;
  readonly #lists: Lists;
  #announcers: readonly Announcer[] = [];

  constructor(deps: CrowdDeps) {
    this.#deps = deps;
    this.#lists = new Lists(deps);
  }

  leave(): void {
    this.#lists.dialler.leave();
  }

  async prepare(): Promise<void> {
    const { size, watchers } = this.#deps.order;
    this.#announcers = await this.#lists.announce(Lists.paths(size), 1);
    await this.#lists.watch(watchers, size, () => {});
  }

  async storm(): Promise<Stormed> {
    const { size, patienceMs, publish } = this.#deps.order;
    const { waits, lost, dialler } = this.#lists;
    const since = sharedMicros();
    for (const announcer of this.#announcers) announcer.leave();
    const dials = this.#announcers.map(({ broadcasts }) => {
      const again = new Announcer(broadcasts, lost, () => waits.record(sharedMicros() - since));
      return dialler.dial(attachLoad(again, again.hop), publish);
    });
    // Every watcher must list every broadcast again.
    await holds(() => waits.count >= size && this.#lists.complete(size) === this.#lists.watchers.length, patienceMs);
    dialler.stop();
    await Promise.all(dials);
    const listed = this.#lists.watchers.reduce(
      (fewest, { list }) => Math.min(fewest, list.size),
      Number.POSITIVE_INFINITY,
    );
    return this.#lists.stormed(Math.min(waits.count, listed), size);
  }
}
