/**
 * Shares the relay's one thread between sessions: how much each may do in a turn of the event loop, and which work waits for the next
 * turn. Work is counted in units of about a microsecond, so that the clock is read once for many units.
 */
import type { Clock } from "../clock.ts";

/** Units that a session gets at a time. Between two grants the scheduler checks the clock and the sessions that wait. */
const QUANTUM = 256;

/** Units that one session may do in a turn. Its further work waits. */
const SHARE = 2048;

/**
 * Units of a turn for all sessions together, and milliseconds after which the turn ends whatever was counted. Short beside the 250 ms
 * that a viewer notices, long beside the cost of a turn itself.
 */
const TURN = 8192;
const TURN_MS = 8;

/** Part of a session's work; true when nothing of it is left. */
type Job = () => boolean;

/** Gives the sessions that wait a quantum each, in order. One per process. */
export class Scheduler {
  readonly #clock: Clock;
  readonly #waiting = new Set<Share>();
  /** A turn has begun, and its timer is set. */
  #running = false;
  #serving = false;
  #turn = 0;
  #spent = 0;
  #startedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `guard` runs each job and must not throw. */
  share(guard: <T>(work: () => T) => T | undefined): Share {
    return new Share(this, guard);
  }

  /** `share` has work for the next turn. */
  wait(share: Share): void {
    this.#waiting.add(share);
    this.#begin();
  }

  forget(share: Share): void {
    this.#waiting.delete(share);
  }

  /** Grants `share` another quantum. False when this turn has none left for it. Units that it overdrew are charged. */
  grant(share: Share): boolean {
    this.#begin();
    if (share.turn !== this.#turn) {
      share.turn = this.#turn;
      share.spent = 0;
    }
    if (share.spent >= SHARE || !this.#open) return false;
    // While waiting sessions are served, the next in line comes first.
    if (this.#serving && this.#waiting.size > 0) return false;
    this.#charge(share);
    return true;
  }

  get #open(): boolean {
    return this.#spent < TURN && this.#clock.now() - this.#startedAt < TURN_MS;
  }

  #charge(share: Share): void {
    const units = QUANTUM - share.left;
    this.#spent += units;
    share.spent += units;
    share.left = QUANTUM;
  }

  /** Begins a turn. The next one begins after the event loop has handled other events. */
  #begin(): void {
    if (this.#running) return;
    this.#running = true;
    this.#reset();
    this.#clock.timer(0, this.#next);
  }

  #reset(): void {
    this.#turn++;
    this.#spent = 0;
    this.#startedAt = this.#clock.now();
  }

  readonly #next = (): void => {
    this.#reset();
    this.#serving = true;
    try {
      for (let [share] = this.#waiting; share !== undefined && this.#open; [share] = this.#waiting) {
        this.#waiting.delete(share);
        share.turn = this.#turn;
        share.spent = 0;
        this.#charge(share);
        if (share.serve()) this.#waiting.add(share);
      }
    } finally {
      this.#serving = false;
      this.#running = this.#waiting.size > 0;
      if (this.#running) this.#clock.timer(0, this.#next);
    }
  };
}

/** One session's share of the thread, and the jobs that wait for it. */
export class Share {
  /** Units that it may still do. Its code subtracts them, and calls {@link more} when none is left. */
  left = QUANTUM;
  /** The last turn in which it spent units, and how many. Written by the scheduler alone. */
  turn = 0;
  spent = 0;
  readonly #scheduler: Scheduler;
  readonly #guard: <T>(work: () => T) => T | undefined;
  /** Jobs in order. A job that is not done stays in front. */
  #queue: Job[] = [];
  #head = 0;
  /** Jobs whose order does not matter. */
  readonly #jobs = new Set<Job>();

  constructor(scheduler: Scheduler, guard: <T>(work: () => T) => T | undefined) {
    this.#scheduler = scheduler;
    this.#guard = guard;
  }

  /** Whether the session may work now. */
  get open(): boolean {
    return this.left > 0 || this.more();
  }

  /** Jobs are queued: new ones must be queued behind them. */
  get hasQueued(): boolean {
    return this.#head < this.#queue.length;
  }

  more(): boolean {
    return this.#scheduler.grant(this);
  }

  /** Runs `job` once all jobs queued before it are done. */
  enqueue(job: Job): void {
    this.#queue.push(job);
    this.#scheduler.wait(this);
  }

  /** Runs `job` in the next turn, and in each turn after it until it is done. A job that waits already is not added again. */
  later(job: Job): void {
    this.#jobs.add(job);
    this.#scheduler.wait(this);
  }

  /** Runs jobs within the quantum. True when some are left. */
  serve(): boolean {
    this.#serveQueue();
    for (let count = this.#jobs.size; count > 0 && this.open; count--) {
      const [job] = this.#jobs;
      if (job === undefined) break;
      this.#jobs.delete(job);
      if (this.#run(job)) continue;
      this.#jobs.add(job);
    }
    return this.hasQueued || this.#jobs.size > 0;
  }

  /** The session has ended: its jobs are dropped. */
  end(): void {
    this.#queue = [];
    this.#head = 0;
    this.#jobs.clear();
    this.#scheduler.forget(this);
  }

  #serveQueue(): void {
    while (this.open) {
      const job = this.#queue[this.#head];
      if (job === undefined) break;
      const done = this.#run(job);
      // The session may have ended meanwhile.
      if (this.#queue[this.#head] !== job) return;
      if (!done) continue;
      this.#head++;
      if (this.#head === this.#queue.length) {
        this.#queue = [];
        this.#head = 0;
      }
    }
  }

  #run(job: Job): boolean {
    return this.#guard(job) ?? true;
  }
}
