/**
 * The engine's own turn: after the events of one round of the event loop. All that was written during the round goes
 * out together there, and events that a call caused are told from there.
 */
export class Turn {
  #tasks: (() => void)[] = [];
  #scheduled = false;

  /** Tasks must not throw. */
  readonly defer = (task: () => void): void => {
    this.#tasks.push(task);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  };

  readonly #run = (): void => {
    const tasks = this.#tasks;
    this.#tasks = [];
    this.#scheduled = false;
    for (const task of tasks) task();
  };
}
