/** Milliseconds of a turn for sessions that begin and end. What is left waits for the next turn, behind the media that came meanwhile. */
const SHARE_MS = 2;

/** Steps that have run before the list is cut: they would stay as long as others wait. */
const CUT_AT = 1024;

/**
 * Work that may wait for media: sessions that begin and end. Many at once, as after the death of another relay, would keep the thread for longer than
 * viewers can wait for their next frame. Steps run in their order; while there are few, each runs at once. A link has three at most, and the engine
 * bounds the links. Steps for a client that has left do nothing, so thousands of them fit into a turn.
 */
export class Lane {
  readonly #now: () => number;
  #waiting: (() => void)[] = [];
  /** The first step of `#waiting` that has not run. */
  #next = 0;
  /** Milliseconds of this turn that are spent. */
  #spent = 0;
  #scheduled = false;
  #running = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Steps that wait. */
  get waiting(): number {
    return this.#waiting.length - this.#next;
  }

  /** Runs the step now, or when those before it have run. A running step that adds another one while none waits runs it. */
  add(step: () => void): void {
    this.#schedule();
    if (this.waiting > 0 || this.#spent >= SHARE_MS) this.#waiting.push(step);
    else this.#run(step);
  }

  #run(step: () => void): void {
    if (this.#running) {
      step();
      return;
    }
    this.#running = true;
    const from = this.#now();
    try {
      step();
    } finally {
      this.#spent += this.#now() - from;
      this.#running = false;
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    this.#spent = 0;
    try {
      while (this.#spent < SHARE_MS) {
        const step = this.#waiting[this.#next];
        if (step === undefined) break;
        this.#next++;
        this.#run(step);
      }
    } finally {
      if (this.#next >= CUT_AT || this.waiting === 0) this.#cut();
      if (this.waiting > 0) this.#schedule();
    }
  };

  #cut(): void {
    this.#waiting = this.#waiting.slice(this.#next);
    this.#next = 0;
  }
}
