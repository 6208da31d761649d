import type { LinkHandler } from "../../moq/link.ts";

/** Watches the bytes that a link has queued and tells its handler when they pass marks. */
export class QueueMarks {
  readonly #mark: number;
  /** Multiples of the mark that have been told and not been left by half a mark since. */
  #level = 0;

  /** `mark` in bytes. */
  constructor(mark: number) {
    this.#mark = mark;
  }

  /** `drained` is still to be told. */
  get passed(): boolean {
    return this.#level > 0;
  }

  /** An engine that calls it before data goes out sees every peak. */
  rise(queued: number, handler: Pick<LinkHandler, "backlog">): void {
    const level = Math.ceil(queued / this.#mark) - 1;
    if (level <= this.#level) return;
    this.#level = level;
    handler.backlog(queued);
  }

  /** To be called after data went out. */
  fall(queued: number, handler: Pick<LinkHandler, "drained">): void {
    while (this.#level > 0 && queued < (this.#level - 0.5) * this.#mark) {
      this.#level -= 1;
      if (this.#level === 0) handler.drained();
    }
  }
}
