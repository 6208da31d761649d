import type { Clock } from "../../relay/clock.ts";

interface Timer {
  readonly at: number;
  /** Decides among timers of one moment: first set, first run. */
  readonly turn: number;
  /** Absent once it has run or was cancelled. */
  callback: (() => void) | undefined;
}

/** Rounds in which `settle` waits for code that keeps causing work at one moment before it takes that for a loop. */
const MAX_ROUNDS = 10_000;

/** Milliseconds of the clock that `runUntil` waits for what shall happen. */
const MAX_WAIT_MS = 60_000;

/** A clock that only moves when it is told to. */
export class ManualClock implements Clock {
  #now = 0;
  #turn = 0;
  #pending = 0;
  /** Binary heap by moment and turn; cancelled timers stay until they come to the top. */
  readonly #heap: Timer[] = [];

  now(): number {
    return this.#now;
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#pending;
  }

  /** When the next timer falls due. */
  get nextAt(): number | undefined {
    return this.#first()?.at;
  }

  timer(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), turn: this.#turn++, callback };
    this.#pending += 1;
    this.#push(timer);
    return () => {
      if (timer.callback === undefined) return;
      timer.callback = undefined;
      this.#pending -= 1;
    };
  }

  /** Moves on by `ms`, running what falls due on the way in order, also what is set on the way. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const timer = this.#first();
      if (timer === undefined || timer.at > until) break;
      this.#pop();
      this.#now = Math.max(this.#now, timer.at);
      const { callback } = timer;
      timer.callback = undefined;
      this.#pending -= 1;
      callback?.();
    }
    this.#now = until;
  }

  /** Runs what is due now and lets promises go on, until nothing is left to do at this moment. */
  async settle(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.advance(0);
      await turnOfEventLoop();
      const next = this.nextAt;
      if (next === undefined || next > this.#now) return;
    }
    throw new Error(`something is still due at ${this.#now} ms after ${MAX_ROUNDS} rounds`);
  }

  /** Moves on by `ms`, letting promises go on after each moment at which something was due. */
  async run(ms: number): Promise<void> {
    const until = this.#now + ms;
    await this.settle();
    for (let next = this.nextAt; next !== undefined && next <= until; next = this.nextAt) {
      this.advance(next - this.#now);
      await this.settle();
    }
    this.advance(until - this.#now);
  }

  /** Moves on until `done` is true, looking after each moment at which something was due; fails after `maxMs`. */
  async runUntil(done: () => boolean, maxMs = MAX_WAIT_MS): Promise<void> {
    const until = this.#now + maxMs;
    await turnOfEventLoop();
    while (!done()) {
      const next = this.nextAt;
      if (next === undefined || next > until) {
        this.advance(until - this.#now);
        throw new Error(`what was waited for did not happen within ${maxMs} ms of the clock`);
      }
      this.advance(next - this.#now);
      await turnOfEventLoop();
    }
  }

  #first(): Timer | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined || top.callback !== undefined) return top;
      this.#pop();
    }
  }

  #push(timer: Timer): void {
    let index = this.#heap.length;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex];
      if (parent === undefined || !precedes(timer, parent)) break;
      this.#heap[index] = parent;
      index = parentIndex;
    }
    this.#heap[index] = timer;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const one = this.#heap[left];
      const other = this.#heap[left + 1];
      const takesOther = one !== undefined && other !== undefined && precedes(other, one);
      const child = takesOther ? other : one;
      if (child === undefined || !precedes(child, last)) break;
      this.#heap[index] = child;
      index = takesOther ? left + 1 : left;
    }
    this.#heap[index] = last;
  }
}

function precedes(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.turn < b.turn);
}

/** All promises that can go on do so meanwhile. */
function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
