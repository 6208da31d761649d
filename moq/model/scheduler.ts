/**
 * The relay's one thread, shared between sessions: how much each may do in a turn of the event loop, and what has to wait for the
 * next one. Work is counted in units of about a microsecond, so that the clock is read once for many of them.
 */
import type { Clock } from "../clock.ts";

/** Units between two looks at the clock and at who else waits. */
const QUANTUM = 256;

/** Units that one session may do in a turn; what it has beyond them waits. */
const SHARE = 2048;

/**
 * Units of a turn, all sessions together, and milliseconds after which it is over whatever was counted: short beside the 250 ms that
 * a viewer notices, long beside what a turn costs by itself.
 */
const TURN = 8192;
const TURN_MS = 8;

/** Part of a session's work; true when nothing of it is left. */
type Job = () => boolean;

/** Hands out turns: each session that waits gets a quantum, one after the other. One per process. */
export class Scheduler {
  readonly #clock: Clock;
  readonly #waiting = new Set<Share>();
  /** A turn is under way, or has begun and goes on until its timer. */
  #running = false;
  #serving = false;
  #turn = 0;
  #spent = 0;
  #startedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `guard` runs each job: nothing that it throws may come out. */
  share(guard: <T>(work: () => T) => T | undefined): Share {
    return new Share(this, guard);
  }

  /** `share` has something to do in the next turn. */
  wait(share: Share): void {
    this.#waiting.add(share);
    this.#begin();
  }

  forget(share: Share): void {
    this.#waiting.delete(share);
  }

  /** A quantum more for `share`, unless this turn has none for it. What it did beyond the last one counts. */
  grant(share: Share): boolean {
    this.#begin();
    if (share.turn !== this.#turn) {
      share.turn = this.#turn;
      share.spent = 0;
    }
    if (share.spent >= SHARE || !this.#open) return false;
    // While turns are handed out, the next in line comes first.
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

  /** Counts from now on; the turn after this one begins once other events of the process were handled. */
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

/** One session's part of the thread, and what waits for it. */
export class Share {
  /** Units that it may still do; those who work for it take them off, and ask for more where nothing is left. */
  left = QUANTUM;
  /** The turn in which something was spent last, and how much; the scheduler's. */
  turn = 0;
  spent = 0;
  readonly #scheduler: Scheduler;
  readonly #guard: <T>(work: () => T) => T | undefined;
  /** In order; a job that is not done stays in front. */
  #queue: Job[] = [];
  #head = 0;
  /** In no order with what is held. */
  readonly #jobs = new Set<Job>();

  constructor(scheduler: Scheduler, guard: <T>(work: () => T) => T | undefined) {
    this.#scheduler = scheduler;
    this.#guard = guard;
  }

  /** Whether the session may work now. */
  get open(): boolean {
    return this.left > 0 || this.more();
  }

  /** Something is held: what comes now has to be held behind it. */
  get hasQueued(): boolean {
    return this.#head < this.#queue.length;
  }

  more(): boolean {
    return this.#scheduler.grant(this);
  }

  /** Runs `job` once all that was held before is done. */
  enqueue(job: Job): void {
    this.#queue.push(job);
    this.#scheduler.wait(this);
  }

  /** Runs `job` in the next turn, and again in each after it until it is done. A job that waits already does not wait twice. */
  later(job: Job): void {
    this.#jobs.add(job);
    this.#scheduler.wait(this);
  }

  /** Does what the quantum allows; true when something is left. */
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

  /** The session is over. */
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
