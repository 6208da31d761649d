import type { Clock } from "../../moq/clock.ts";

interface Timer {
  readonly at: number;
  /** Order among timers of one moment: first set, first run. */
  readonly turn: number;
  /** Absent when the timer has run or was cancelled. */
  callback: (() => void) | undefined;
}

/** Most rounds of the event loop at one moment of the clock; more means that work causes work without end. */
const MAX_ROUNDS = 10_000;

/** Milliseconds of the clock that `runUntil` waits for its condition. */
const MAX_WAIT_MS = 60_000;

/** A clock that moves only when a test advances it. */
export class ManualClock implements Clock {
  #now = 0;
  #turn = 0;
  #pending = 0;
  /** Timers that have run. */
  #ran = 0;
  /** Binary heap by moment and turn; cancelled timers stay until they are at the top. */
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

  /** A microtask, as with the program's clock: it runs without advancing this clock. */
  soon(callback: () => void): void {
    queueMicrotask(callback);
  }

  /** Advances by `ms`. Timers that become due on the way run in order, those set on the way included. */
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
      this.#ran += 1;
      callback?.();
    }
    this.#now = until;
  }

  /** Runs due timers and lets promises settle, until nothing is left to do at this moment. */
  async settle(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.advance(0);
      await turnOfEventLoop();
      const next = this.nextAt;
      if (next === undefined || next > this.#now) return;
    }
    throw busy(this.#now);
  }

  /** Advances by `ms`, and lets promises settle after each moment with a due timer. */
  async run(ms: number): Promise<void> {
    const until = this.#now + ms;
    await this.#step(
      () => this.#now >= until,
      () => Math.min(this.nextAt ?? until, until),
    );
    await this.settle();
  }

  /** Advances until `done` is true, checking after each moment with a due timer. Rejects after `maxMs`. */
  async runUntil(done: () => boolean, maxMs = MAX_WAIT_MS): Promise<void> {
    const until = this.#now + maxMs;
    await this.#step(done, () => {
      const next = this.nextAt;
      if (next !== undefined && next <= until) return next;
      throw new Error(`the condition did not become true within ${maxMs} ms of the clock`);
    });
  }

  /**
   * Several callers may wait at the same time. None advances before all have seen the effects of another's step.
   */
  async #step(done: () => boolean, next: () => number): Promise<void> {
    let seen = -1;
    let since = this.#now;
    for (let rounds = 0; !done(); rounds++) {
      if (this.#now > since) rounds = 0;
      else if (rounds > MAX_ROUNDS) throw busy(since);
      since = this.#now;
      await turnOfEventLoop();
      if (seen !== this.#ran) {
        seen = this.#ran;
        continue;
      }
      if (done()) return;
      this.advance(Math.max(0, next() - this.#now));
      seen = this.#ran;
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

function busy(now: number): Error {
  return new Error(`work is still due at ${now} ms after ${MAX_ROUNDS} rounds of the event loop`);
}

/** Resolves when all promises that can settle have settled. */
function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
