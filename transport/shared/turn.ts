/**
 * An engine's own turn. Everything that is written in one turn of the program goes out together there, and handlers are
 * called from there.
 */
export class Turn {
  readonly #schedule: (run: () => void) => void;
  #tasks: (() => void)[] = [];
  #scheduled = false;

  /** `schedule` runs a function soon, for example `setImmediate` or `queueMicrotask`. */
  constructor(schedule: (run: () => void) => void) {
    this.#schedule = schedule;
  }

  /** Runs a task in the next turn. Tasks must not throw. */
  readonly defer = (task: () => void): void => {
    this.#tasks.push(task);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this.#run);
  };

  readonly #run = (): void => {
    const tasks = this.#tasks;
    this.#tasks = [];
    this.#scheduled = false;
    for (const task of tasks) task();
  };
}
