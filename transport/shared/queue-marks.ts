import type { LinkHandler } from "../../moq/link.ts";

/**
 * Reports a link's backlog to its handler when the queued bytes pass a multiple of the mark, and when they have
 * drained.
 */
export class QueueMarks {
  readonly #mark: number;
  /** The reported multiple of the mark. It falls when the queue is half a mark below it. */
  #level = 0;

  /** `mark` in bytes. */
  constructor(mark: number) {
    this.#mark = mark;
  }

  /** A backlog was reported, and `drained` was not. */
  get passed(): boolean {
    return this.#level > 0;
  }

  /** Call before data is sent, so that every peak is seen. */
  rise(queued: number, handler: Pick<LinkHandler, "backlog">): void {
    const level = Math.ceil(queued / this.#mark) - 1;
    if (level <= this.#level) return;
    this.#level = level;
    handler.backlog(queued);
  }

  /** Call after data was sent. */
  fall(queued: number, handler: Pick<LinkHandler, "drained">): void {
    while (this.#level > 0 && queued < (this.#level - 0.5) * this.#mark) {
      this.#level -= 1;
      if (this.#level === 0) handler.drained();
    }
  }
}
