import { Histogram } from "../../load/histogram.ts";
import { LostSessions } from "../../load/lost-sessions.ts";
import { sharedMicros } from "../../load/micros.ts";
import { PRIORITY } from "../../load/published-track.ts";
import { attachLoad } from "../../load/session.ts";
import { Viewer } from "../../load/viewer.ts";
import { BUSY, TRACK } from "../kinds.ts";
import type { Crowd, CrowdDeps } from "./contract.ts";
import { Dialler } from "./dialler.ts";
import type { Stormed } from "./messages.ts";

/** Viewers publish nothing, so their hop id is in no announcement. */
const HOP = 1n;

/** Viewers who arrive evenly within the window, each at a path of its own, and want media. */
export class Viewers implements Crowd {
  readonly #deps: CrowdDeps;
  readonly #dialler: Dialler;
  readonly #waits = new Histogram();
  readonly #lost = new LostSessions();

  constructor(deps: CrowdDeps) {
    this.#deps = deps;
    this.#dialler = new Dialler(deps);
  }

  leave(): void {
    this.#dialler.leave();
  }

  async prepare(): Promise<void> {}

  async storm(): Promise<Stormed> {
    const { clock, order } = this.#deps;
    const { size, seconds, patienceMs } = order;
    const all = Promise.withResolvers<void>();
    clock.timer(patienceMs, () => all.resolve());
    for (let viewer = 0; viewer < size; viewer++) {
      clock.timer((viewer * seconds * 1_000) / size, () => {
        this.#arrive(viewer, () => {
          if (this.#waits.count === size) all.resolve();
        }).catch(all.reject);
      });
    }
    await all.promise;
    this.#dialler.stop();
    const { count: done } = this.#waits;
    return {
      done,
      of: size,
      waits: this.#waits.data(),
      refused: this.#dialler.refused.data(),
      lost: this.#lost.data(),
    };
  }

  /** `seen` is called with the first frame. */
  async #arrive(number: number, seen: () => void): Promise<void> {
    const { clock, order } = this.#deps;
    const since = sharedMicros();
    const deps = {
      clock,
      tallies: [],
      flowing: () => {
        this.#waits.record(sharedMicros() - since);
        seen();
      },
      lost: (why: string) => this.#lost.add(why),
    };
    const viewer = new Viewer(deps, number, BUSY, [{ track: TRACK, priority: PRIORITY }]);
    await this.#dialler.dial(attachLoad(viewer, HOP), order.watch, order.ownPaths ? `viewer-${number}` : undefined);
  }
}
