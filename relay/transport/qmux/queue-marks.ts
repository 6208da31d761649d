/** What the marks tell; the handlers of a link. */
export interface QueueEvents {
  backlog(queued: number): void;
  drained(): void;
}

/** Watches the bytes that a link has queued and tells when they pass marks. */
export class QueueMarks {
  readonly #mark: number;
  /** Multiples of the mark that have been told and not been left by half a mark since. */
  #level = 0;

  /** `mark` in bytes. */
  constructor(mark: number) {
    this.#mark = mark;
  }

  /** To be called before data goes out, so that a peak is seen. */
  rise(queued: number, events: QueueEvents): void {
    const level = Math.ceil(queued / this.#mark) - 1;
    if (level <= this.#level) return;
    this.#level = level;
    events.backlog(queued);
  }

  fall(queued: number, events: QueueEvents): void {
    while (this.#level > 0 && queued < (this.#level - 0.5) * this.#mark) {
      this.#level -= 1;
      if (this.#level === 0) events.drained();
    }
  }
}
