/** Wakes one reader that waits for something to happen. */
export class Bell {
  #waiting: (() => void) | undefined;

  /** Resolves at the next {@link ring}. */
  heard(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  ring(): void {
    const resolve = this.#waiting;
    this.#waiting = undefined;
    resolve?.();
  }
}
