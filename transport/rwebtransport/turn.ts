/** Something with work to do once the code that runs now has returned to the event loop's own turn. */
export interface Flushable {
  flush(): void;
}

/**
 * The engine's own turn: a microtask after the current callback. All writes of one callback of the program, or
 * of one batch of events of the addon, go out together there, and handlers are called from there.
 */
export class Turn {
  #marked: Flushable[] = [];
  #scheduled = false;

  /** The caller sees to it that it is in the list once. */
  mark(item: Flushable): void {
    this.#marked.push(item);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#run);
  }

  readonly #run = (): void => {
    const marked = this.#marked;
    this.#marked = [];
    this.#scheduled = false;
    for (const item of marked) item.flush();
  };
}
