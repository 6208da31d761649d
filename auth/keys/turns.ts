/** Saves of keys run one after another. */
import type { AuthClock } from "../clock.ts";
import { withLimit } from "../watch.ts";

export class SaveTurns {
  #last: Promise<unknown> = Promise.resolve();
  /** Of the calls that wait. */
  readonly #steps = new Set<() => void>();

  /** Starts `work` when the one before it has ended. It keeps its turn until it ends itself, also when no caller waits any more. */
  take<T>(work: (step: () => void) => Promise<T>): Promise<T> {
    const step = () => {
      for (const one of this.#steps) one();
    };
    const done = this.#last.then(() => {
      step();
      return work(step);
    });
    this.#last = done.catch(() => {});
    return done;
  }

  /** Waits for the result of {@link take}; rejects when neither that work nor one before it makes progress for the limit of time. */
  async within<T>(clock: AuthClock, result: Promise<T>): Promise<T> {
    let waits = () => {};
    const ended = async (step: () => void) => {
      waits = step;
      this.#steps.add(step);
      await result;
    };
    try {
      await withLimit(clock, ended);
    } finally {
      this.#steps.delete(waits);
    }
    return await result;
  }
}
