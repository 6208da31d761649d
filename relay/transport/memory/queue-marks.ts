/** The events of a link's handler that marks cause. */
interface QueueEvents {
  backlog(queued: number): void;
  drained(): void;
}

/** Tells when what a link has queued passes a mark or a further multiple of it, and when it is under half a mark again. */
export class QueueMarks {
  readonly #mark: number;
  /** The highest multiple of the mark that was passed since the queue was last under it. */
  #passed = 0;

  /** `mark` in bytes. */
  constructor(mark: number) {
    this.#mark = mark;
  }

  look(queued: number, events: QueueEvents): void {
    const passed = Math.max(0, Math.ceil(queued / this.#mark) - 1);
    if (passed > this.#passed) {
      this.#passed = passed;
      events.backlog(queued);
    } else if (this.#passed > 0 && queued < this.#mark / 2) {
      this.#passed = 0;
      events.drained();
    } else if (queued < (this.#passed - 0.5) * this.#mark) {
      // It may rise past this multiple again, which is worth another word; the first one stays for `drained`.
      this.#passed = Math.max(1, passed);
    }
  }
}
